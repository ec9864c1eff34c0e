"""What a node tells about its own health."""
