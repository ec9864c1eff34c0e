"""The pages on which a second person decides."""
