"""What became of head office's offers at customers: made, accepted or declined, each a fact that travels."""
