"""Whether HQ holds what a branch holds: each comparison at a barrier, what differed, and the totals of batches."""
