"""Papers of customers: their kinds, what each kind asks for, and when a paper counts."""
