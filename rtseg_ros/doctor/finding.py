"""What a diagnosis finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Attributes:
        name: What was looked at.
        ok: False for a problem.
        text: What was found; for a problem also what to do.
    """

    name: str
    ok: bool
    text: str
