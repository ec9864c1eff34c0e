"""Handing tables out: at once, or for a reason and on record where they hold personal data."""
