"""Columns of later versions that head office carries until it knows them."""
