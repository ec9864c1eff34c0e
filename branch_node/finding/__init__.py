"""The search box of a branch: what is found in it, and what is told of files out of sight."""
