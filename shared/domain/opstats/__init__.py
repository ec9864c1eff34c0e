"""What an account manager did in a month, by the operation log and the work logs."""
