"""From a trained model and frames to a report: evaluation, comparison, thresholds."""
