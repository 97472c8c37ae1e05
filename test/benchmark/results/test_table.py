# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rows, tables and targets from hand-made results."""

import csv
from dataclasses import replace
import io
from pathlib import Path

import pytest

from rtseg_ros.benchmark.race import Entrant, Result
from rtseg_ros.benchmark.results.table import (
    NodeFigures,
    csv_text,
    markdown_table,
    row_from_result,
    text_table,
)
from rtseg_ros.benchmark.results.targets import node_verdicts, upsampling_verdicts, verdicts
from rtseg_ros.benchmark.subject import Subject
from rtseg_ros.benchmark.upsampling import UpsamplingRow
from rtseg_ros.benchmark.worker import Runs
from rtseg_ros.runtime.preprocess import Preprocessing

SUBJECT = Subject(
    network='lednet',
    checkpoint='',
    size_hw=(512, 1024),
    num_outputs=19,
    preprocessing=Preprocessing((512, 1024), 'rgb', (0.0,) * 3, (1.0,) * 3),
    plain_onnx=Path('plain.onnx'),
    models={},
    frames=Path('frames.npy'),
    frame_hw=(512, 1024),
    parameters=940_000,
    macs=11_200_000_000,
    miou={'fp32': 0.706, 'int8': 0.699},
)


def row(
    name, precision='fp32', *, total_ms=(), infer_ms=(), labels_ms=(), agreement=None, error=''
):
    stages = {'infer': list(infer_ms), 'labels': list(labels_ms)}
    result = Result(
        SUBJECT,
        Entrant(name, precision),
        Runs(list(total_ms), {key: value for key, value in stages.items() if value}),
        peak_memory_mib=300.0,
        agreement=agreement,
        error=error,
    )
    return row_from_result(result, peaks={'fp32': 224e9, 'bf16': 448e9})


def test_figures_of_a_row():
    found = row('torch', total_ms=[90, 100, 110, 100, 100], infer_ms=[80] * 5, labels_ms=[20] * 5)
    assert (found.size, found.parameters_m, found.gmacs) == ('512x1024', 0.94, 11.2)
    assert found.ms_p50 == 100
    assert found.fps == 10
    # 11.2 GMAC in a tenth of a second, of 224 GMAC/s.
    assert found.gmacs_per_s == pytest.approx(112)
    assert found.peak_shares == pytest.approx({'fp32': 0.5, 'bf16': 0.25})
    assert found.miou == 0.706
    assert found.stages_ms == {'infer': 80, 'labels': 20}
    assert found.frames == 5


def test_a_contender_that_failed_has_no_figures_and_is_named():
    rows = [row('torch', total_ms=[100.0]), row('openvino', error='openvino: no such device')]
    assert rows[1].fps is None
    assert rows[1].frames == 0
    for table in (text_table(rows), markdown_table(rows)):
        assert 'openvino: no such device' in table
        assert 'nan' not in table


def test_csv_has_a_column_per_stage_and_reads_back():
    rows = [
        row('torch', total_ms=[100.0], infer_ms=[80.0], labels_ms=[20.0]),
        row('x', error='no'),
    ]
    lines = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert [line['contender'] for line in lines] == ['torch', 'x']
    assert float(lines[0]['infer_ms']) == 80
    assert float(lines[0]['ms_p50']) == 100
    assert lines[1]['ms_p50'] == lines[1]['infer_ms'] == ''


def test_targets_that_are_met():
    rows = [
        row('onnxruntime', total_ms=[150.0], infer_ms=[130.0]),
        row('rtseg', total_ms=[100.0], infer_ms=[95.0], labels_ms=[5.0], agreement=0.9999),
        row('rtseg', 'int8', total_ms=[60.0], infer_ms=[55.0]),
    ]
    found = {verdict.name: verdict for verdict in verdicts(rows)}
    assert len(found) == 5
    assert all(verdict.ok for verdict in found.values())
    assert all(verdict.subject == 'lednet 512x1024' for verdict in found.values())
    ratio = next(v for key, v in found.items() if 'plain ONNX Runtime' in key)
    assert ratio.text.endswith('= 1.50, 1.50')


def test_targets_that_are_missed():
    rows = [
        row('onnxruntime', total_ms=[149.0], infer_ms=[130.0]),
        row('rtseg', total_ms=[100.0], infer_ms=[90.0], labels_ms=[9.1], agreement=0.9949),
        row('rtseg', 'int8', total_ms=[63.0], infer_ms=[60.0]),
    ]
    missed = [verdict for verdict in verdicts(rows) if not verdict.ok]
    assert len(missed) == 4  # only the loss of int8, 0.7 points, is small enough


def test_targets_of_the_node():
    stages_ms = {'decode': 1.0, 'infer': 50.0, 'labels': 3.0, 'publish': 1.0}
    node = NodeFigures(
        subject='x', ours_fps=30.0, plain_fps=10.0, ours_best_fps=36.0, plain_best_fps=12.0,
        ours_latency_ms=1.0, ours_p95_ms=0.0, plain_latency_ms=1.0,
        ours_memory_mib=1.0, plain_memory_mib=1.0, agreement=1.0, stages_ms=stages_ms,
    )  # fmt: skip
    assert [verdict.ok for verdict in node_verdicts(node)] == [True, True]
    rate, outside = node_verdicts(
        replace(node, ours_fps=29.9, stages_ms={**stages_ms, 'publish': 1.1})
    )
    assert not rate.ok
    assert '= 2.99, 3.00' in rate.text
    assert not node_verdicts(replace(node, ours_best_fps=35.0))[0].ok
    assert not outside.ok
    assert '5.10 / 50.00 ms = 10.2%' in outside.text


def test_targets_of_upsampling_take_the_worst_case_and_the_faster_peer():
    def case(content, ours_ms, opencv_ms):
        return UpsamplingRow(
            classes=11, logits='9x9', labels='36x36', content=content, align_corners=False,
            ours_ms=ours_ms, torch_ms=10.0, opencv_ms=opencv_ms, different=0,
        )  # fmt: skip

    rows = [case('regions', 2.0, 4.0), case('regions', 9.0, None), case('noise', 4.9, 4.0)]
    regions, noise = upsampling_verdicts(rows)
    assert (regions.text, regions.ok) == ('0.90', True)
    assert (noise.text, noise.ok) == ('1.23', False)
    assert upsampling_verdicts([]) == []


def test_no_verdict_without_figures():
    assert verdicts([row('onnxruntime', total_ms=[10.0]), row('rtseg', error='failed')]) == []


def test_targets_of_openvino_look_at_median_and_5th_percentile():
    rows = [
        row('onnxruntime', total_ms=[30.0] * 20),
        row('rtseg', total_ms=[20.0] * 20, infer_ms=[19.0], labels_ms=[1.0]),
        row('rtseg_openvino', total_ms=[10.0] * 20, infer_ms=[9.5], labels_ms=[0.5]),
    ]
    found = {target.name: target for target in verdicts(rows)}
    plain = next(found[name] for name in found if name.startswith('OpenVINO against plain'))
    own = next(found[name] for name in found if name.startswith('OpenVINO against our'))
    assert (plain.ok, own.ok) == (True, True)
    assert '= 3.00, 3.00' in plain.text
    # 11.2 GMAC in 10 ms are 1120 GMAC/s, of 448.
    peak = next(target for name, target in found.items() if 'bfloat16 matrix peak' in name)
    assert peak.text == '250.0%'
    # 20 / 10.6 is 1.89, below both; 1.2 ms are 12.6 % of 9.5.
    rows[2] = row('rtseg_openvino', total_ms=[10.6] * 20, infer_ms=[9.5], labels_ms=[1.2])
    found = {target.name: target for target in verdicts(rows)}
    assert not next(found[name] for name in found if name.startswith('OpenVINO against our')).ok
    assert not found['OpenVINO: everything outside the engine at most 12% of inference'].ok
