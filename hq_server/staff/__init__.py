"""The organisation of the whole company: head office's own people, and those of every branch as it pushed them."""
