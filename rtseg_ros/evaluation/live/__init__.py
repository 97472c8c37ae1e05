"""Evaluation of a running graph: pair images and masks, wait on disk, report."""
