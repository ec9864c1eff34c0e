"""What head office publishes to its branches: code tables, policies, announcements; and who has applied what."""
