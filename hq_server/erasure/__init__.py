"""Erasures of customers at head office: what is held of them beside their rows goes too."""
