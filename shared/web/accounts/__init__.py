"""The pages on which people sign in, look after their own profile, and administrators let others in."""
