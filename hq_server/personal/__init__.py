"""Personal data of all branches: holds, orders to branches, requests and erasures."""
