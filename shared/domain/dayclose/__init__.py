"""The close of a day: what a branch entered on it, as its own counts and sums."""
