"""What personal data this node holds: read from the tables as they are declared, not from a list somebody keeps."""
