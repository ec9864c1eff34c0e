"""What both tiers must agree on."""
