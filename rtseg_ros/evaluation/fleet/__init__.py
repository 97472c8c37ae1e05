"""Many bags: found, shared out over processes or a Ray cluster, added up, asked questions of."""
