# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Brings what the library logs to a node's log, and so to /rosout."""

import logging
from typing import Any


class _RosHandler(logging.Handler):
    """Hands each record to a ROS logger at its own level."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; rclpy ties a line of source to one level, so each level has its own."""
        try:
            text = record.getMessage()
            if record.levelno >= logging.ERROR:
                self._logger.error(text)
            elif record.levelno >= logging.WARNING:
                self._logger.warning(text)
            elif record.levelno >= logging.INFO:
                self._logger.info(text)
            else:
                self._logger.debug(text)
        except Exception:  # noqa: BLE001  logging must not break what it tells of
            self.handleError(record)


def forward_log(name: str, logger: Any) -> None:
    """Send what a Python logger gets to a ROS logger from now on, in place of an earlier one.

    Args:
        name: Of the Python logger, e.g. ``rtseg_ros.tensorrt``.
        logger: The node's.
    """
    source = logging.getLogger(name)
    for handler in list(source.handlers):
        if isinstance(handler, _RosHandler):
            source.removeHandler(handler)
    source.addHandler(_RosHandler(logger))
    source.setLevel(logging.INFO)
