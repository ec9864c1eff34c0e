"""Taking files in: dry run, errors beside their rows, undo."""
