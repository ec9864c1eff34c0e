"""Work logs: what account managers did, with whom, when and where."""
