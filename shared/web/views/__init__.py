"""Views of a list that people keep: filters, columns, order and groups under a name."""
