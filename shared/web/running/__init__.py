"""The page of a node's jobs: when each is due, how its last run went, and every run there was."""
