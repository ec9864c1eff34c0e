"""How long HQ keeps receipts, and whether its backups are made."""
