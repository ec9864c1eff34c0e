"""Personal data: legal holds, how long each class is kept, and what a person asks of us."""
