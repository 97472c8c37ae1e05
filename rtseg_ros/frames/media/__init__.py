"""Pictures and videos as people have them: read upright and in time, and written."""
