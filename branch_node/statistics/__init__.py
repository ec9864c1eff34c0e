"""Monthly statistics computed from this branch's own facts."""
