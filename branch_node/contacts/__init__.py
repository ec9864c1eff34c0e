"""Contact people and key persons of the branch's customers."""
