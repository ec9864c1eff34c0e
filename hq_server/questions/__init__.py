"""What came of questions at the customers of all branches, month by month, in all and by branch."""
