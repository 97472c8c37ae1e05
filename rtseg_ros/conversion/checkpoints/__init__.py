"""The parts of reading a checkpoint: what the file is, its pickle, its weights among the rest."""
