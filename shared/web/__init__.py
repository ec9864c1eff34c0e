"""What every page and every endpoint of both tiers goes through."""
