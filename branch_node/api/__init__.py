"""What programs may ask of a branch: the same operations and queries as the pages, in JSON."""
