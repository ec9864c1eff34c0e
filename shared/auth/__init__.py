"""Who may sign in to a node, with which right, and the proof that it is they."""
