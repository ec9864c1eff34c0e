"""The two archives of customers' files: what is the same wherever one is kept or proved."""
