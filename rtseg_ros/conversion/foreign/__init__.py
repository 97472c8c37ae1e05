"""Models that others trained and exported: what they are, and how they come into our contract."""
