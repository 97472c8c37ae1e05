"""The inside of the segmentation node: cameras, worker, account, advice."""
