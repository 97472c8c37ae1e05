# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg benchmark --which-engine``: figures of a tiny model, the choice from made-up ones."""

import json
import math
import subprocess
import sys

import cv2
import numpy as np
import pytest
from streets import COLORS_BGR

from rtseg_ros.benchmark.engine_choice import Choice, EngineContender, installed_choices
from rtseg_ros.benchmark.engines import Measured, best_choice, which_engine
from rtseg_ros.benchmark.results.engine_table import engine_table
from rtseg_ros.cli import main
from rtseg_ros.errors import BenchmarkError

ORT = Choice('onnxruntime', 'onnxruntime', 'onnxruntime')
OPENVINO = Choice('openvino', 'openvino', 'openvino')


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


@pytest.fixture
def labelled(tmp_path):
    """Frames with ground truth that the exact model gets right, but for a corner of 32 pixels."""
    folder = tmp_path / 'data' / 'val'
    for name in ('images', 'labels'):
        (folder / name).mkdir(parents=True)
    for index in range(3):
        truth = np.random.default_rng(index).integers(0, 4, (12, 16)).astype(np.uint8)
        truth = cv2.resize(truth, (64, 48), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(folder / 'images' / f'{index}.png'), COLORS_BGR[truth])
        truth[:4, :8] = (truth[:4, :8] + 1) % 4
        cv2.imwrite(str(folder / 'labels' / f'{index}.png'), truth)
    return folder


def rows(*figures):
    return [Measured(choice, ms=ms, equal=equal, miou=miou) for choice, ms, equal, miou in figures]


@pytest.mark.parametrize(
    ('first', 'second', 'engine', 'reason'),
    [
        ((20.0, 1.0, None), (10.0, 0.999, None), 'openvino', '2.00 times as fast as onnxruntime'),
        ((20.0, 1.0, None), (10.0, 0.9, None), 'onnxruntime', 'the only one here that labels so'),
        # Ground truth decides where there is any: other labels may be as good.
        ((20.0, 1.0, 0.71), (10.0, 0.9, 0.711), 'openvino', '2.00 times'),
        ((20.0, 1.0, 0.71), (10.0, 0.99, 0.70), 'onnxruntime', 'the only one'),
        ((20.0, 1.0, None), (19.5, 1.0, None), 'onnxruntime', 'faster by 3% only'),
        ((20.0, 1.0, None), (30.0, 1.0, None), 'onnxruntime', '1.50 times as fast as the next'),
    ],
)
def test_the_choice(first, second, engine, reason):
    best, why = best_choice(rows((ORT, *first), (OPENVINO, *second)), same_labels=0.98)
    assert best.engine == engine
    assert reason in why


@pytest.mark.process
def test_figures_of_what_is_installed(make_model, labelled):
    comparison = which_engine(
        str(make_model('exact', stride=1)), frames=str(labelled), seconds=0.2,
        choices=[ORT, Choice('another', 'numpy', 'openvino', {'device': 'NPU'})],
    )  # fmt: skip
    good, bad = comparison.rows
    assert good.precision == 'fp32'
    assert 0 < good.ms_p5 <= good.ms <= good.ms_p95
    assert good.equal == 1.0
    assert good.memory_mib > 30
    assert good.load_s > 0
    # 32 of 3072 pixels are wrong; a class has some 768, so the mIoU is near 1 - 2 * 32 / 3072.
    assert good.miou == pytest.approx(0.979, abs=0.004)
    assert 'NPU' in bad.error or 'OpenVINO' in bad.error
    assert math.isnan(bad.ms)
    assert comparison.best is good.choice
    text = engine_table(comparison)
    assert f'another: {bad.error}' in text
    assert text.splitlines()[-1] == '  engine: onnxruntime'
    document = comparison.to_dict()
    assert document['engines'][1]['ms'] is None
    assert json.loads(json.dumps(document)) == document


def test_parameters_that_are_not_the_default_have_a_line_of_their_own():
    choice = Choice('openvino GPU', 'openvino', 'openvino', {'device': 'GPU'})
    assert choice.parameters == 'engine: openvino\nopenvino: {device: GPU}'
    assert ORT.parameters == 'engine: onnxruntime'


def test_openvino_labels_as_onnxruntime(make_model):
    pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')
    assert 'openvino' in [choice.name for choice in installed_choices()]
    model = str(make_model('exact', stride=1))
    # Steps of 32, since OpenVINO takes bf16 where the processor has it: 8 bits of a number.
    frame = 32 * np.random.default_rng(0).integers(0, 8, (48, 64, 3), np.uint8)
    ours, theirs = (EngineContender(model, choice) for choice in (OPENVINO, ORT))
    assert np.array_equal(ours(frame)[0], theirs(frame)[0])
    assert ours.facts()['precision'] in ('fp32', 'bf16')


@pytest.mark.process
def test_nothing_works(tiny_model):
    broken = Choice('openvino NPU', 'openvino', 'openvino', {'device': 'NPU'})
    with pytest.raises(BenchmarkError, match='openvino NPU: '):
        which_engine(str(tiny_model), choices=[broken])
    with pytest.raises(BenchmarkError, match='no engine is installed'):
        which_engine(str(tiny_model), choices=[])


@pytest.mark.process
def test_the_command_needs_no_torch(tiny_model, tmp_path):
    code = (
        'import sys\n'
        "for name in ('torch', 'onnx', 'matplotlib', 'rosbags', 'openvino'):\n"
        '    sys.modules[name] = None\n'
        'from rtseg_ros.cli import main\n'
        "if __name__ == '__main__':\n"
        f"    sys.exit(main(['benchmark', '--which-engine', {str(tiny_model)!r}, "
        f"'--seconds', '0.1', '--json', {str(tmp_path / 'found.json')!r}]))\n"
    )
    script = tmp_path / 'script.py'
    script.write_text(code)
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert 'engine: onnxruntime' in result.stdout
    assert 'MET' not in result.stdout
    assert json.loads((tmp_path / 'found.json').read_text())['best'] == 'engine: onnxruntime'


def test_a_network_is_no_model(capsys):
    assert main(['benchmark', 'linknet', '--which-engine', 'x.onnx']) == 1
    assert 'takes one model file' in capsys.readouterr().err
