"""The verbs of the shell command ``rtseg``, one module each."""
