"""What must hold everywhere, and no import contract or lint rule can say."""
