"""One change for many customers: tried first, done or left out one by one with the reason, taken back within the day."""
