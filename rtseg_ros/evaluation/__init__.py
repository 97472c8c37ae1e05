"""How accurate and how fast: metrics, bag and data-set evaluation, reports."""
