"""Erasures: what is stored of them at both tiers, and what stands in the place of what was erased."""
