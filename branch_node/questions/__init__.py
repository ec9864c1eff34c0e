"""Questions of head office at customers: which are in force, what was answered, and the trend of the answers."""
