# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A real race of a real network, small, with every process and file that a large one has."""

import json
import math

import numpy as np
import pytest
import torch

from rtseg_ros.benchmark import upsampling
from rtseg_ros.benchmark.contenders.contender import OURS
from rtseg_ros.benchmark.preparation import kept_subject, prepare
from rtseg_ros.benchmark.race import Entrant, race
from rtseg_ros.benchmark.subject import Source, load_network
from rtseg_ros.benchmark.worker import contenders, started
from rtseg_ros.cli import main
from rtseg_ros.errors import BenchmarkError

pytestmark = pytest.mark.process

SIZE_HW = (64, 96)
NETWORK = 'swiftnet_mnv2'


@pytest.fixture(scope='module')
def subject(tmp_path_factory):
    return prepare(
        NETWORK, SIZE_HW, Source(num_classes=5, precisions=('fp32', 'fp16')),
        tmp_path_factory.mktemp('subject'),
    )  # fmt: skip


@pytest.fixture(scope='module')
def results(subject):
    entrants = [Entrant('torch'), Entrant(OURS), Entrant(OURS, 'int8')]
    return race(subject, entrants, seconds=9, device='cpu', maximum_runs=27, say=lambda _: None)


@pytest.mark.export
def test_the_files_of_a_subject(subject):
    frames = np.load(subject.frames)
    assert frames.dtype == np.uint8
    assert frames.shape[1:] == (*SIZE_HW, 3)
    assert set(subject.models) == {'fp32', 'fp16'}
    # SwiftNet-MobileNetV2 has 2.37 million parameters with 19 classes, 129 more per class.
    assert subject.parameters == pytest.approx(2_368_831 - 14 * 129, rel=2e-3)
    same, again = (load_network(NETWORK, '', 5).state_dict() for _ in range(2))
    assert all(torch.equal(same[key], again[key]) for key in same)


def test_all_take_part_and_agree(results):
    found, peaks = results
    assert set(peaks) >= {'fp32', 'int8'}
    assert min(peaks.values()) > 1e9
    for result in found[:2]:
        assert result.error == ''
        assert 9 <= len(result.runs.total_ms) <= 27  # 9 turns of 1 to 3, as time allows
        stages = list(result.runs.stages_ms.values())
        assert all(len(times) == len(result.runs.total_ms) for times in stages)
        # Stages are parts of the whole, frame by frame.
        assert np.all(np.sum(stages, axis=0) <= result.runs.total_ms)
        assert result.stage_ms()['infer'] > 0
        assert result.peak_memory_mib > 50
    assert found[0].agreement is None  # it is the reference
    assert found[1].agreement > 0.999


def test_who_cannot_start_does_not_stop_the_others(results):
    failed = results[0][2]
    assert 'int8' in failed.error
    assert math.isnan(failed.percentile(50))


def test_a_contender_runs_in_a_process_of_its_own(subject):
    with started(subject, OURS) as worker:
        assert worker.labels().shape == (8, *SIZE_HW)
        worker.run_later(2)
        assert len(worker.finish().total_ms) == 2
        assert worker.peak_memory_mib() > 50
    assert not worker._process.is_alive()


def test_time_limits_a_turn(subject):
    with started(subject, OURS) as worker:
        assert len(worker.run(50, limit_s=0).total_ms) == 1


def test_installed_contenders():
    assert {'torch', 'onnxruntime', OURS} <= set(contenders('cpu'))


@pytest.mark.export
@pytest.mark.parametrize(
    ('network', 'source', 'word'),
    [
        ('lednett', Source(), "no network 'lednett'"),
        (NETWORK, Source(precisions=('int8',)), 'int8 needs trained weights'),
        ('', Source(checkpoint='swiftnet_mnv2_camvid'), 'takes 360x480; give --size-hw 360 480'),
    ],
)
def test_requests_without_sense_are_refused(tmp_path, network, source, word):
    with pytest.raises(BenchmarkError, match=word):
        prepare(network, SIZE_HW, source, tmp_path)


@pytest.mark.export
def test_the_command_writes_tables_and_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(upsampling, 'CASES', ((5, (16, 24), (64, 96)),))
    other = tmp_path / 'other.json'
    words = f'benchmark {NETWORK} --size 64x96 --classes 5 --engine onnxruntime rtseg --upsampling'
    status = main([*words.split(), '--targets', '--seconds', '0.1', '--output', str(tmp_path),
                   '--json', str(other)])  # fmt: skip
    assert status == 0
    document = json.loads((tmp_path / 'benchmark.json').read_text())
    assert document == json.loads(other.read_text())
    assert [row['contender'] for row in document['rows']] == ['onnxruntime', 'rtseg']
    assert document['machine']['cores'] >= 1
    assert document['matrix_peak_gmacs_per_s']['fp32'] > 1
    assert len(document['targets']) == 5
    assert len(document['upsampling']) == 4
    assert all(row['different'] <= 2 for row in document['upsampling'])
    assert (tmp_path / 'stages.png').read_bytes().startswith(b'\x89PNG')
    page = (tmp_path / 'benchmark.md').read_text()
    assert 'rtseg benchmark' in page
    assert document['machine']['processor'] in page
    assert (tmp_path / 'benchmark.csv').read_text().count('\n') == 3
    assert 'MET' in capsys.readouterr().out.upper()


@pytest.mark.export
def test_targets_are_not_a_user_s(tmp_path, capsys):
    words = f'benchmark {NETWORK} --size-hw 64 96 --classes 5 --engine onnxruntime rtseg'
    assert main([*words.split(), '--seconds', '0.1', '--output', str(tmp_path)]) == 0
    assert json.loads((tmp_path / 'benchmark.json').read_text())['targets'] == []
    assert 'Targets' not in (tmp_path / 'benchmark.md').read_text()
    out = capsys.readouterr().out
    assert 'rtseg' in out
    assert 'NOT MET' not in out


@pytest.mark.export
def test_checkpoints_and_networks_are_subjects(tmp_path):
    words = f'benchmark esnet --checkpoint lednet={tmp_path}/none.pth --size 64x64 --seconds 0.1'
    assert main([*words.split(), '--engine', 'rtseg', '--output', str(tmp_path)]) == 1
    document = json.loads((tmp_path / 'benchmark.json').read_text())
    assert [row['network'] for row in document['rows']] == ['esnet']
    assert len(document['failures']) == 1
    assert 'lednet 64x64' in document['failures'][0]


@pytest.mark.export
def test_what_was_prepared_is_kept(tmp_path):
    kept = tmp_path / 'kept'
    words = f'benchmark {NETWORK} --size 64x96 --engine rtseg --seconds 0.1 --output {tmp_path}'
    assert main([*words.split(), '--keep', str(kept), '--prepare-only']) == 0
    assert not (tmp_path / 'benchmark.json').exists()
    first = kept_subject(NETWORK, (64, 96), Source(), kept)
    files = {path: path.stat().st_mtime_ns for path in kept.rglob('*.*')}
    assert first.models['fp32'] in files
    assert main([*words.split(), '--keep', str(kept)]) == 0
    assert json.loads((tmp_path / 'benchmark.json').read_text())['rows'][0]['fps'] > 0
    assert files == {path: path.stat().st_mtime_ns for path in kept.rglob('*.*')}
    # Others are not taken for it.
    assert kept_subject(NETWORK, (64, 96), Source(num_classes=7), kept).num_outputs == 7
    assert first.num_outputs == 19


@pytest.mark.export
def test_a_race_that_cannot_be_run_does_not_stop_the_others(tmp_path):
    words = f'benchmark {NETWORK} --size 16x16 64x64 --engine rtseg --seconds 0.1'
    assert main([*words.split(), '--output', str(tmp_path)]) == 1
    document = json.loads((tmp_path / 'benchmark.json').read_text())
    assert [row['size'] for row in document['rows']] == ['64x64']
    assert len(document['failures']) == 1
    assert 'cannot take 16x16' in (tmp_path / 'benchmark.md').read_text()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('--prepare-only', '--prepare-only fills a folder'),
        ('--engine rtsegg', "no contender 'rtsegg' on cpu; installed: torch"),
        ('--engine tensorrt', 'TensorRT races as rtseg with --device cuda; add --report'),
    ],
)
def test_the_command_refuses_wrong_words(words, message, capsys, tmp_path):
    assert main(['benchmark', NETWORK, *words.split(), '--output', str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_the_end_of_a_process_is_reported(subject):
    with started(subject, OURS) as worker:
        worker._process.kill()
        worker._process.join()
        with pytest.raises(BenchmarkError, match='ended with status -9'):
            worker.run(1)
