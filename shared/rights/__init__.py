"""Who may do what to which rows: the six kinds of staff, their duties, and the one policy table."""
