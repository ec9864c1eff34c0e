"""Contact people: whom to speak to at a customer, and in which matter."""
