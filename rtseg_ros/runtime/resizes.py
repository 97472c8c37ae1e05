"""How frames get into a network: the values that options accept; imports nothing."""

RESIZES = ('stretch', 'letterbox', 'crop')
# Degrees clockwise that turn a frame upright.
ROTATIONS = (0, 90, 180, 270)
