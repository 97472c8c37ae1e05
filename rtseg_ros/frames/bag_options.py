"""How a bag is made: the values that options accept; imports nothing."""

STORAGES = ('mcap', 'sqlite3')
IMAGE_FORMATS = ('raw', 'png', 'jpeg')
# Stamps start here unless asked otherwise, so that the same input gives the same bag.
START_S = 1_700_000_000.0
