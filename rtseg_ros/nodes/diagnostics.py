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
