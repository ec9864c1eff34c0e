"""How old what we know of a customer is: values nobody has confirmed for long, and values that contradict each other."""
