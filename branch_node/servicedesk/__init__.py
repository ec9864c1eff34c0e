"""The service desk: a customer is found by a whole number only, and opened by serving them."""
