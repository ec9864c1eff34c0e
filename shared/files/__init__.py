"""Files that people hand in and take out."""
