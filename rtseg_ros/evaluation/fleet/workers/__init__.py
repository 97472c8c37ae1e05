"""Who runs the bags: processes of this machine, or tasks of a Ray cluster."""
