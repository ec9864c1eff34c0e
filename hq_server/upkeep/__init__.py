"""How fresh the files of customers are at each branch, as the branches count it."""
