"""The papers' training recipes, resumable."""
