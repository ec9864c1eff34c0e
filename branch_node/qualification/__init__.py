"""Qualification: judging customers by the rules in force, approving what was judged, and reviewing it in time."""
