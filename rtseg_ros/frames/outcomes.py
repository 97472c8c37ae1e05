"""What can become of a frame; every account and every report has these, in this order."""

# Published, passed over for a newer one, too old, refused as it is, or the work on it failed.
BINS = ('published', 'superseded', 'stale', 'rejected', 'failed')
