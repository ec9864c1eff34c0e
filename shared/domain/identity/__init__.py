"""Which customers are one and the same: a link that a merge sets and an unmerge takes away."""
