"""Starts real nodes, feeds them and watches: demo, soak, live evaluation."""
