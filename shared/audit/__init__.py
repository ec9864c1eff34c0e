"""The operation log: who did what to which record, when and from where; written in the same transaction."""
