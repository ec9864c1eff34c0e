"""Pages that cut across slices: the overview."""
