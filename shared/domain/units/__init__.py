"""Tracked units: what a customer has that bears a serial or chassis number, and what happened with it."""
