"""Handing customers over: from an account manager who leaves to another one, with a sheet both sign."""
