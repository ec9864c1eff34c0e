"""What head office publishes to its branches: code tables, policies and announcements, and the rules they keep."""
