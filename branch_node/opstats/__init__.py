"""Monthly statistics of operations: what each account manager did, each number open to its entries."""
