"""Languages: what a person sees, in the reader's own."""
