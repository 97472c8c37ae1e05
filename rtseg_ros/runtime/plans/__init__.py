"""What an engine built from a model file: kept for the next start, and in which precision."""
