"""Refused records: kept whole in their order until they are mended, go in after all, or are waived."""
