"""Readers of labelled driving data sets."""
