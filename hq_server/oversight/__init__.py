"""Account managers across branches."""
