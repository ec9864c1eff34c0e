"""Torture: whole companies in one process, on bad lines and failing machines; after it nothing may be missing.

The code under test is the product itself: the real cycle, head office's real app, real databases. Only
clocks, the line, randomness and the moment of a crash are the simulation's, and all of them follow from a seed.
"""
