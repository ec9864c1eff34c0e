"""What both tiers use for their own work; knows nothing of sync."""
