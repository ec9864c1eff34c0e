"""A made-up company, and the program that shows the product with it (`make demo`)."""
