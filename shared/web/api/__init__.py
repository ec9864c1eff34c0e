"""The interface for programs: who it speaks for, within what bounds, its document, and the pages that keep it."""
