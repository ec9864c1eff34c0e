"""The pages of the organisation: the tree of departments and people, and changing departments."""
