"""The page that shows whether the accounts, sessions and keys of this node are in order."""
