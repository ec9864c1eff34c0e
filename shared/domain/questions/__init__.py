"""Questions of head office to customers, under four indicators, and what came of them month by month."""
