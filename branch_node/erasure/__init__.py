"""Erasing a customer: blanked here by ordinary changes, so that it travels; what was erased stays so."""
