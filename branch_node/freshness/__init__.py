"""How old what we know of a customer is: values long unconfirmed, and values that contradict each other."""
