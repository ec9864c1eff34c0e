"""What people do most, done in a real browser against real nodes."""
