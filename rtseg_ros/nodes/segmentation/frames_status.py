# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the perception node says on /diagnostics of its frames and its model."""

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from rtseg_ros.nodes.diagnostics import status
from rtseg_ros.nodes.segmentation.accounting import Snapshot
from rtseg_ros.runtime import Segmenter

# A bad frame is worth a warning for so long.
ERROR_S = 5.0
_MODEL_KEYS = ('model', 'model_sha256', 'engine', 'precision', 'precision_reason', 'device')


def frames_status(
    name: str,
    snapshot: Snapshot,
    *,
    latency_ms: dict[str, dict[str, float]],
    advice: str,
    hardware_id: str,
    values: dict[str, Any],
) -> DiagnosticStatus:
    """Describe what became of frames, and what to do if nothing is published.

    Args:
        name: Of the status.
        snapshot: Of their account.
        latency_ms: Of their account.
        advice: Empty if all is well.
        hardware_id: What computes.
        values: Further values.
    """
    shown: dict[str, Any] = {
        **snapshot.counts,
        'received_hz': f'{snapshot.received_hz:.2f}',
        'published_hz': f'{snapshot.published_hz:.2f}',
    }
    for stage, percentiles in latency_ms.items():
        for key, value in percentiles.items():
            shown[f'{stage}_ms_{key}'] = f'{value:.3f}'
    shown |= values
    for number, (reason, frames) in enumerate(snapshot.reasons.items(), start=1):
        shown[f'reason_{number}'] = f'{frames} {reason}'
    shown['last_error'] = snapshot.last_error
    message = _message(snapshot, advice)
    return status(
        name, hardware_id=hardware_id, values=shown, message=message, warn=message != 'ok'
    )


def model_values(segmenter: Segmenter | None) -> dict[str, str]:
    """Return which model runs, on what, in which precision as built."""
    if segmenter is None:
        return dict.fromkeys(_MODEL_KEYS, '')
    engine = segmenter.engine
    return {
        'model': engine.model.path.name,
        'model_sha256': engine.model.sha256,
        'engine': engine.name,
        'precision': engine.precision,
        'precision_reason': engine.precision_reason,
        'device': engine.device,
    }


def _message(snapshot: Snapshot, advice: str) -> str:
    if advice:
        return advice
    return snapshot.last_error if snapshot.last_error_s < ERROR_S else 'ok'
