"""One sync cycle in steps, and the one door to the network."""
