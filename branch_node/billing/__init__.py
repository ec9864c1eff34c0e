"""Bill lines of this branch's customers."""
