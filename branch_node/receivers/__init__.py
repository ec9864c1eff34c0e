"""Who else gets this branch's records: receivers besides head office, what each takes, and its first load."""
