"""What both tiers agree on, and the replication machinery both run."""
