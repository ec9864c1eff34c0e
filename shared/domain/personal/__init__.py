"""Personal data: what is stored of holds and of requests at both tiers."""
