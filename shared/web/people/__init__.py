"""The people with an account at this node: who they are, what they may do, and letting them in and out."""
