"""Which customers of the branch are one person: links beside the files, and the merges that set them."""
