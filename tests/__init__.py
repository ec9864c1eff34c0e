"""The tests; a folder a kind, `support` is what they share."""
