# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A complete report, and the browser that looks at it."""

import pytest
from streets import TINY

from rtseg_ros.evaluation.recorder import Recorder
from rtseg_ros.evaluation.report.report import report_from_recorder, segmenter_facts, write_report
from rtseg_ros.frames.sources import DatasetSource
from rtseg_ros.labels.mapping import align
from rtseg_ros.metrics.accuracy import Accuracy
from rtseg_ros.runtime import load_segmenter

CALIBRATION = {
    'temperature_before': 1.0, 'temperature_after': 1.4, 'ece_before': 0.08, 'ece_after': 0.01,
    'pixels': 1000,
    'curve_before': [{'pixels': 500, 'confidence': 0.9, 'accuracy': 0.8}],
    'curve_after': [{'pixels': 500, 'confidence': 0.8, 'accuracy': 0.8}],
}  # fmt: skip


@pytest.fixture
def report_folder(make_model, dataset, tmp_path):
    """A complete report with every section."""
    segmenter = load_segmenter(make_model('fine', stride=1))
    source = DatasetSource(dataset)
    folder = tmp_path / 'report'
    with Recorder(folder, Accuracy(align(TINY, TINY), TINY)) as recorder:
        for index, item in enumerate(source):
            frame, truth = item.frame(), item.truth()
            result = segmenter(frame)
            recorder.published(
                item.name,
                prediction=result.labels,
                timing_ms={**result.timing_ms, 'total': sum(result.timing_ms.values())},
                time_s=float(index),
                frame=frame,
                truth=truth,
                continues=item.continues,
            )
        recorder.dropped('lost', 'superseded', time_s=6.0)
        recorder.dropped('bad', 'rejected', time_s=7.0, reason='<script>alert(1)</script>')
    report = report_from_recorder(
        recorder,
        mode='offline',
        source=source.facts(),
        model=segmenter_facts(segmenter),
        fps=25.0,
        mapping='',
        stopped_by='',
    )
    report['calibration'] = CALIBRATION
    write_report(folder, report, recorder)
    return folder
