"""Which changes go first: after days without a line, those of today before those of earlier days."""
