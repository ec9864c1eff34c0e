"""The organisation: departments, and the people who work in them."""
