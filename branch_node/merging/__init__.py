"""Making one customer of two files, and two again."""
