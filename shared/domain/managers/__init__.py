"""Account managers: the people who keep the customers."""
