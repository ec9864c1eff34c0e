"""What both tiers know of the business: columns, vocabulary and pure rules, one folder a capability."""
