"""Frames and ground truth, wherever they come from: data sets, bags, videos, messages."""
