"""Work logs of this branch's account managers."""
