"""Using the operation log: asking it by any of its elements, counting, following one value, printing and exporting."""
