"""What became of offers at the customers of all branches, counted by offer and branch."""
