"""Setting a new branch up: a wizard whose steps look at what is really there."""
