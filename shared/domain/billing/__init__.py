"""Billing: what customers are charged and what they pay."""
