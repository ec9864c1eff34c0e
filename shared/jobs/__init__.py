"""Timed work: leased, recorded, made up when missed."""
