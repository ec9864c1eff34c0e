"""The commands that both kinds of node have; each app adds its own."""
