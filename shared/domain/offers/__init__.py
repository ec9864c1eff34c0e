"""Offers of head office: for customers of which tiers, stages and kinds, and from when to when."""
