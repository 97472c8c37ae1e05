"""What the nodes say on /diagnostics."""

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from rtseg_ros.nodes.accounting import FrameAccount
from rtseg_ros.runtime import Segmenter


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


def segmentation_status(
    name: str, account: FrameAccount, segmenter: Segmenter | None
) -> DiagnosticStatus:
    """Describe the perception node: counts, stage times in ms, model and engine."""
    values: dict[str, Any] = account.counts()
    for stage, percentiles in account.latency_ms().items():
        for key, value in percentiles.items():
            values[f'{stage}_ms_{key}'] = f'{value:.3f}'
    device = 'none'
    if segmenter is not None:
        engine = segmenter.engine
        device = engine.device
        values |= {
            'model': engine.model.path.name,
            'model_sha256': engine.model.sha256,
            'engine': engine.name,
            'precision': engine.precision,
        }
    error = account.last_error()
    values['last_error'] = error
    return status(
        name,
        hardware_id=device,
        values=values,
        message=error or ('ok' if segmenter else 'not configured'),
        warn=bool(error) or segmenter is None,
    )
