"""The organisation of this node: its departments, and who belongs to which."""
