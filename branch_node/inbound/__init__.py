"""What came down from head office: code tables, policies and announcements, in the version that is in force here."""
