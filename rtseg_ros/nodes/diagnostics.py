# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""One status on /diagnostics, as every node says it."""

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


def status(
    name: str, *, hardware_id: str, values: dict[str, Any], message: str = 'ok', warn: bool = False
) -> DiagnosticStatus:
    """Make one status; values are written as text."""
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if warn else DiagnosticStatus.OK,
        name=name,
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def is_from(status_name: str, node_name: str) -> bool:
    """Tell whether a status is that of a node, by its full name; a node of another robot is not.

    Args:
        status_name: As on /diagnostics, with or without the first slash.
        node_name: Full name, e.g. ``/robot1/segmentation``.
    """
    return status_name.strip('/') == node_name.strip('/')


def is_namesake(status_name: str, node_name: str) -> bool:
    """Tell whether a status is of a node of the same name in another namespace."""
    last = status_name.rpartition('/')[2] == node_name.rpartition('/')[2]
    return last and not is_from(status_name, node_name)


def full_name(name: str, namespace: str) -> str:
    """Return the full name of a node: a name without a first slash is in the namespace."""
    return name if name.startswith('/') else f'{namespace.rstrip("/")}/{name}'
