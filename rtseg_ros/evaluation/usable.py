# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether an evaluation has anything to say: a run that used nothing is no success."""

from rtseg_ros.evaluation.recorder import Recorder

_TRUTH = ('ground truth', 'labels without an image', 'images whose nearest labels')
_SHOWN = 3


def why_unusable(recorder: Recorder, *, expects_truth: bool) -> str:
    """Return why the figures mean nothing; empty if they mean something.

    Args:
        recorder: What was seen.
        expects_truth: Whether the source has ground truth.
    """
    bins = recorder.bins
    if not bins['published']:
        ends = ', '.join(f'{count} {name}' for name, count in bins.items() if count)
        return f'no frame was used ({ends or "there was none"}){_because(recorder, "")}'
    accuracy = recorder.accuracy
    dropped = any(reason.startswith(_TRUTH[0]) for reason in recorder.reasons)
    if accuracy is not None and not accuracy.frames and (expects_truth or dropped):
        return f'all of the ground truth was dropped{_because(recorder, _TRUTH)}'
    return ''


def _because(recorder: Recorder, starts: str | tuple[str, ...]) -> str:
    lines = [
        f'{reason} ({count})'
        for reason, count in recorder.reasons.most_common()
        if reason.startswith(starts)
    ]
    return f': {"; ".join(lines[:_SHOWN])}' if lines else ''
