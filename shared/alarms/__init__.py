"""What is wrong now and what was: each alarm is one row while it lasts, until it is over or a person closes it."""
