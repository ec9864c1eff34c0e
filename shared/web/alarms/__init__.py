"""The page of a node's alarms: what is wrong now, what to do about it, and what was."""
