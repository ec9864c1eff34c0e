"""What programs may ask of head office: reading what branches have sent, as the pages show it."""
