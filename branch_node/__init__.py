"""One branch of the company: works with the line down, and pushes to head office on a timer."""
