"""What takes too long for every check: the figures of docs/reliability.md, measured whole."""
