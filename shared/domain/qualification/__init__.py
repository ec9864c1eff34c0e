"""Qualification: which kind and grade of customer somebody is by rules that are data, and which datum decided."""
