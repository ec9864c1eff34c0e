"""How the customers of branches are qualified: standings by branch, the customers behind each, one customer's file."""
