"""The door for branches' machines: who signed a request, heard once, from the one node of its branch."""
