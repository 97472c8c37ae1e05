"""The report of an evaluation, as JSON and as a page with pictures."""
