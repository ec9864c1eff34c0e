"""The first pages of a branch manager and of an administrator."""
