"""Pages that cut across slices: my day, sync state."""
