"""One change for many customers: tried first, done or left out one by one, taken back within the day."""
