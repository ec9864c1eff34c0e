"""Account managers of this branch."""
