"""The people of this branch as head office knows them."""
