"""Acts that take two people: one proposes, another decides, and both stay on record."""
