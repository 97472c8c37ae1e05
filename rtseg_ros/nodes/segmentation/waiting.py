"""A message that waits to be worked on."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Source = TypeVar('Source')


@dataclass(frozen=True)
class Waiting(Generic[Source]):
    """A message that waits to be worked on."""

    source: Source
    message: Any
    received_ns: int
