"""What a branch keeps in order to send it again, how long, and the room it takes."""
