"""Figures of a network itself: what it costs and what its labels depend on."""
