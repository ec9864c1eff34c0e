"""What tests share: databases, clocks, browsers, and the list of what could not run."""
