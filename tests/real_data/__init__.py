"""The product tried on data that nobody here made; read from ../shared/data, never copied in here."""
