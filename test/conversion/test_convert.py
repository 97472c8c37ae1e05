# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The whole conversion, from a checkpoint on disk to a model that a segmenter runs."""

import errno
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time

import cv2
import onnx
from places import DATA
import pytest
from random_frames import smooth_frame
import torch

from rtseg_ros.conversion.convert import convert
import rtseg_ros.conversion.network_draft as module
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import CheckpointError, ConversionError, EngineError, ParityError
from rtseg_ros.frames.datasets.camvid import load_camvid
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import read_model_file
from rtseg_ros.runtime.preprocess import image_from_frame

pytestmark = pytest.mark.export

ROOT = Path(__file__).parents[2]
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason='the published weights and CamVid are not on this machine'
)


def silent(stage, done, total):
    pass


@pytest.fixture
def split(network, metadata, tmp_path):
    """Six frames, labelled by the network itself in torch."""
    folder = tmp_path / 'data' / 'val'
    for part in ('images', 'labels'):
        (folder / part).mkdir(parents=True)
    built, preprocessing = network('swiftnet_mnv2'), metadata().preprocessing
    for seed in range(6):
        frame = smooth_frame(seed)
        with torch.no_grad():
            logits = built(torch.from_numpy(image_from_frame(frame, preprocessing)))
        labels = logits.argmax(dim=1)[0].to(torch.uint8).numpy()
        cv2.imwrite(str(folder / 'images' / f'{seed}.png'), frame)
        cv2.imwrite(str(folder / 'labels' / f'{seed}.png'), labels)
    return folder


@pytest.fixture
def folder(tmp_path):
    """An empty folder for the output."""
    path = tmp_path / 'out'
    path.mkdir()
    return path


def test_our_own_checkpoint(own_checkpoint, network, metadata, split, folder):
    stages = []
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'model.onnx'), verify=str(split)
    )
    done = convert(settings, lambda stage, n, total: stages.append((stage, n, total)))
    assert sorted(path.name for path in folder.iterdir()) == ['model.onnx', 'model.report.md']
    assert [stage for stage, n, _ in stages if n == 0] == [
        'reading the checkpoint', 'exporting', 'comparing with torch', 'writing'
    ]  # fmt: skip
    assert ('comparing with torch', 6, 6) in stages

    file = read_model_file(done.model)
    assert file.sha256 == done.sha256
    told = file.metadata
    assert (told.network, told.precision, told.labels) == (
        'swiftnet_mnv2',
        'fp32',
        metadata().labels,
    )
    assert told.preprocessing == metadata().preprocessing
    assert told.accuracy['miou'] == 0.5
    assert len(told.checkpoint_sha256) == 64
    parity = told.extra['parity']
    assert parity['passed']
    assert parity['source'] == 'data/val'
    assert parity['frames'] == 6
    assert parity['miou']['torch'] == 1.0  # the labels are its own
    assert parity['miou']['model'] > 0.999
    assert told.extra['opset'] == 17
    text = done.report.read_text()
    assert file.sha256 in text
    assert '**passed**' in text
    assert 'mIoU 1.0000 in torch' in text
    assert 'mIoU 0.5000 on camvid/val' in text
    assert json.dumps(done.to_dict())

    segmenter = load_segmenter(done.model)
    frame = smooth_frame(3)
    truth = cv2.imread(str(split / 'labels' / '3.png'), cv2.IMREAD_UNCHANGED)
    assert (segmenter(frame).labels != truth).mean() < 1e-3


def test_other_peoples_weights_need_to_be_described(network, folder, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(network('swiftnet_mnv2').state_dict(), path)
    output = str(folder / 'model.onnx')
    with pytest.raises(ConversionError, match='does not say its classes; give --labels'):
        convert(ConversionSettings(str(path), output), silent)
    with pytest.raises(ConversionError, match='its network.*those of swiftnet_mnv2 with 11'):
        convert(ConversionSettings(str(path), output, labels='camvid'), silent)
    with pytest.raises(ConversionError, match='nothing says how frames become input'):
        convert(ConversionSettings(str(path), output, 'swiftnet_mnv2', labels='camvid'), silent)
    with pytest.raises(CheckpointError, match='the label set needs 19 or 20'):
        convert(
            ConversionSettings(str(path), output, 'swiftnet_mnv2', labels='cityscapes'), silent
        )
    assert not list(folder.iterdir())
    settings = ConversionSettings(
        str(path), output, 'swiftnet_mnv2', 'camvid', size_hw=(64, 96), preset='imagenet'
    )
    done = convert(settings, silent)
    assert done.parity.source == 'made-up street scenes'
    assert done.metadata.accuracy == {}
    assert done.metadata.preprocessing.size_hw == (64, 96)


@pytest.mark.parametrize('keep_anyway', [False, True])
@pytest.mark.parametrize('kind', ['overflow', 'no variance'])
def test_weights_at_fault_are_told(kind, keep_anyway, own_checkpoint, network, folder):
    """B13: torch itself fails, so there is nothing to compare with and nothing to keep."""
    weights = dict(network('swiftnet_mnv2').state_dict())
    if kind == 'overflow':
        weights['spp.project.conv.weight'] = weights['spp.project.conv.weight'] * 1e38
        said = "from layer 'spp.project.conv' on"
    else:  # each BN multiplies by 316, the square root of 1 / epsilon
        weights |= {k: v * 0 for k, v in weights.items() if k.endswith(('_var', '_mean'))}
        said = ", from layer '"
    settings = ConversionSettings(
        str(own_checkpoint(model=weights)), str(folder / 'model.onnx'), keep_anyway=keep_anyway
    )
    with pytest.raises(ConversionError, match='the weights are at fault') as error:
        convert(settings, silent)
    assert said in str(error.value)
    assert list(folder.iterdir()) == []


def test_what_was_taken_is_in_report_and_metadata(network, metadata, folder, tmp_path):
    """Averaged, stripped, ignored: the choices that a reader of the model may ask about."""
    ours = network('swiftnet_mnv2').state_dict()
    average = {f'module.model.{key}': value for key, value in ours.items()}
    average['module.model.aux_head.weight'] = torch.ones(3)
    raw = {key: value * 0 for key, value in average.items()}
    path = tmp_path / 'theirs.pth'
    torch.save({'state_dict': raw, 'state_dict_ema': average}, path)
    settings = ConversionSettings(
        str(path), str(folder / 'model.onnx'), network='swiftnet_mnv2', labels='camvid',
        ignore_keys='*aux_head*', preset='imagenet', size_hw=(64, 96),
    )  # fmt: skip
    done = convert(settings, silent)
    report = done.report.read_text()
    notes = read_model_file(done.model).metadata.extra['notes']
    for said in (
        "averaged weights: 'state_dict_ema' was taken and not 'state_dict'",
        'left out because of --ignore-keys: module.model.aux_head.weight',
        "'module.model.' taken away from all keys",
    ):
        assert any(said in note for note in notes), (said, notes)
        assert said in report
        assert any(said in note for note in done.to_dict()['notes'])


def test_a_model_that_cannot_be_written_leaves_the_old_one(own_checkpoint, folder, monkeypatch):
    output = folder / 'model.onnx'
    output.write_bytes(b'old')

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device', str(output))

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(ConversionError, match='cannot be written: No space left'):
        convert(ConversionSettings(str(own_checkpoint()), str(output)), silent)
    assert [path.name for path in folder.iterdir()] == ['model.onnx']
    assert output.read_bytes() == b'old'


def test_an_unlabelled_output(network, folder, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'model': network('swiftnet_mnv2', 12).state_dict()}, path)
    options = {'labels': 'camvid', 'size_hw': (64, 96), 'preset': 'imagenet'}
    output = str(folder / 'model.onnx')
    done = convert(ConversionSettings(str(path), output, 'swiftnet_mnv2', **options), silent)
    assert done.metadata.unlabelled_output == 11
    assert 'output 11 of 0 to 11 means unlabelled' in done.notes
    assert 'unlabelled' in done.parity.agreement
    first = ConversionSettings(
        str(path), output, 'swiftnet_mnv2', unlabelled_output='0', **options
    )
    done = convert(first, silent)
    assert read_model_file(output).metadata.unlabelled_output == 0
    # Both ways to labels agree: the graph's own, and the segmenter's from the logits.
    frame = smooth_frame(5)
    session = load_segmenter(output)
    whole = module.onnxruntime_inference(done.model.read_bytes())(frame[None])
    assert (whole[1][0] != session(frame).labels).mean() < 1e-3
    for wrong in ('none', '12', 'last'):
        settings = ConversionSettings(
            str(path), output, 'swiftnet_mnv2', unlabelled_output=wrong, **options
        )
        with pytest.raises(ConversionError, match='accepted are auto and 0 to 11'):
            convert(settings, silent)


def test_linknet_authors_ignore_their_first_output(settled, folder, tmp_path):
    import published

    path = tmp_path / 'model_best.pth'
    torch.save(settled(published.LinkNet(20, trunk=True)).state_dict(), path)
    settings = ConversionSettings(
        str(path), str(folder / 'm.onnx'), 'linknet', 'cityscapes', size_hw=(64, 96),
        preset='imagenet',
    )  # fmt: skip
    assert convert(settings, silent).metadata.unlabelled_output == 0


def spoiled(model):
    """Swap two classes of the last convolution, as a wrong export might."""
    bias = next(n for n in model.graph.node if 'logits' in n.output).input[2]
    for tensor in model.graph.initializer:
        if tensor.name == bias:
            value = onnx.numpy_helper.to_array(tensor).copy()
            value[3] += 50
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, bias))
    return model


@pytest.fixture
def wrong_export(monkeypatch):
    """An exporter that favours class 3."""
    right = module.export_network
    monkeypatch.setattr(module, 'export_network', lambda *args: spoiled(right(*args)))


def test_the_gate_writes_nothing(wrong_export, own_checkpoint, split, folder):
    output = folder / 'model.onnx'
    output.write_bytes(b'the model of yesterday')
    settings = ConversionSettings(str(own_checkpoint()), str(output), verify=str(split))
    with pytest.raises(ParityError) as error:
        convert(settings, silent)
    text = str(error.value)
    assert 'these classes moved: ' in text
    assert 'Road 0.' in text
    assert 'Nothing was written' in text
    assert 'mIoU 1.0000 in torch' in text
    assert output.read_bytes() == b'the model of yesterday'
    assert len(list(folder.iterdir())) == 1


def test_keep_anyway_is_recorded(wrong_export, own_checkpoint, split, folder):
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'm.onnx'), verify=str(split), keep_anyway=True
    )
    done = convert(settings, silent)
    assert not done.parity.passed
    parity = read_model_file(done.model).metadata.extra['parity']
    assert not parity['passed']
    assert 'Road' in parity['failed']
    assert '**MISSED (' in done.report.read_text()


def test_a_loose_tolerance_passes(wrong_export, own_checkpoint, split, folder):
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'm.onnx'), verify=str(split), tolerance=1e-6
    )
    with pytest.raises(ParityError):  # classes that vanished do not even keep that
        convert(settings, silent)


@pytest.mark.parametrize('precision', ['fp16', 'int8'])
def test_smaller_numbers(precision, own_checkpoint, split, folder):
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'm.onnx'), precision=precision, verify=str(split),
        calibration=str(split / 'images') if precision == 'int8' else '', calibration_frames=4,
        keep_anyway=True,  # random weights
    )  # fmt: skip
    done = convert(settings, silent)
    file = read_model_file(done.model)
    assert file.metadata.precision == precision
    # Eight-bit kernels of CPUs without VNNI saturate on weights as wild as random ones.
    saturates = precision == 'int8' and 'vnni' not in Path('/proc/cpuinfo').read_text()
    assert file.metadata.extra['parity']['miou']['model'] > (0.4 if saturates else 0.6)
    assert load_segmenter(done.model)(smooth_frame(1)).labels.shape == (64, 96)
    if precision == 'int8':
        assert any('ranges from 4 frames of val/images' in note for note in done.notes)
        with pytest.raises(ConversionError, match='give --calibration'):
            convert(ConversionSettings(str(own_checkpoint()), 'x.onnx', precision='int8'), silent)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'checkpoint': ''}, "'checkpoint' is empty"),
        ({'output': ''}, "'output' is empty"),
        ({'output': 'model.plan'}, 'must end in .onnx'),
        ({'output': 'nowhere/model.onnx'}, 'does not exist; make it first'),
        ({'precision': 'fp8'}, "precision is 'fp8'; accepted: fp32, fp16, int8"),
        ({'output': '/proc/model.onnx'}, "nothing can be written into '/proc'"),
    ],
)
def test_what_is_checked_before_the_work(changes, message):
    values = {'checkpoint': 'x.pth', 'output': 'model.onnx'} | changes
    with pytest.raises(ConversionError, match=message):
        convert(ConversionSettings(**values), silent)


@pytest.mark.parametrize('name', ['model.onnx', 'model.report.md'])
def test_a_folder_in_the_way_is_told_before_the_work(name, folder):
    (folder / name).mkdir()
    with pytest.raises(ConversionError, match=f'{name}. is a folder'):
        convert(ConversionSettings('x.pth', str(folder / 'model.onnx')), silent)
    assert [path.name for path in folder.iterdir()] == [name]


def test_frames_are_looked_for_before_the_export(own_checkpoint, folder):
    stages = []
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'model.onnx'), verify=str(folder / 'none')
    )
    with pytest.raises(ConversionError, match='none. is not there'):
        convert(settings, lambda stage, done, total: stages.append(stage))
    assert stages == ['reading the checkpoint']


@pytest.mark.parametrize('stage', ['exporting', 'comparing with torch', 'writing'])
def test_an_interrupt_leaves_the_old_model(stage, own_checkpoint, split, folder):
    output = folder / 'model.onnx'
    output.write_bytes(b'old')

    def interrupt(name, done, total):
        if name == stage:
            raise KeyboardInterrupt

    settings = ConversionSettings(str(own_checkpoint()), str(output), verify=str(split))
    with pytest.raises(KeyboardInterrupt):
        convert(settings, interrupt)
    assert output.read_bytes() == b'old'
    assert [path.name for path in folder.iterdir()] == ['model.onnx']


@pytest.mark.process
def test_a_kill_leaves_nothing(own_checkpoint, split, folder):
    words = ['convert', own_checkpoint(), '-o', folder / 'model.onnx', '--verify', split]
    process = subprocess.Popen(
        [sys.executable, '-u', '-m', 'rtseg_ros.cli', *map(str, words)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 120
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('exporting') or time.monotonic() > end:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    assert process.returncode == -signal.SIGKILL
    assert not list(folder.iterdir())


@pytest.mark.skipif(
    shutil.which('nvidia-smi') is not None,
    reason='this machine may have that GPU',
)
def test_tensorrt_is_not_replaced_by_something_else(own_checkpoint, split, folder):
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'm.onnx'), verify=str(split), verify_engine='tensorrt'
    )
    with pytest.raises(EngineError, match='TensorRT|CUDA'):
        convert(settings, silent)
    assert not list(folder.iterdir())


@needs_data
def test_espnet_as_published(folder):
    """Preset and revision are found; every pixel but float ties agrees; the mIoU is 68.80."""
    settings = ConversionSettings(
        str(DATA / 'weights' / 'espnet_p_2_q_8_camvid.pth'), str(folder / 'espnet.onnx'),
        'espnet', 'camvid', verify=str(DATA / 'camvid' / 'val'), verify_frames=4,
    )  # fmt: skip
    done = convert(settings, silent)
    assert done.parity.different_pixels == done.parity.ties
    assert done.metadata.unlabelled_output == 11
    assert any("preset 'espnet-camvid'" in note for note in done.notes)
    segmenter = load_segmenter(done.model)
    val = load_camvid(DATA / 'camvid', 'val')
    matrix = ConfusionMatrix(11)
    for index in range(len(val)):
        matrix.add(val.labels(index), segmenter(val.frame(index)).labels)
    assert matrix.miou() == pytest.approx(0.6880, abs=5e-5)


@needs_data
def test_espnet_with_the_wrong_preprocessing(folder):
    """Measured by the authors' code: with Cityscapes statistics it drops to 15."""
    settings = ConversionSettings(
        str(DATA / 'weights' / 'espnet_p_2_q_8_camvid.pth'), str(folder / 'espnet.onnx'),
        'espnet', 'camvid', preset='espnet-cityscapes', size_hw=(360, 480),
        verify=str(DATA / 'camvid' / 'val'), verify_frames=5, tolerance=0.99,
    )  # fmt: skip
    miou = convert(settings, silent).parity.miou
    assert miou['torch'] < 0.25
    assert miou['model'] == pytest.approx(miou['torch'], abs=1e-3)


def test_openvino_compares_and_leaves_nothing_behind(own_checkpoint, split, folder, monkeypatch):
    pytest.importorskip('openvino', reason='OpenVINO is not installed: pip install .[openvino]')
    monkeypatch.setenv('XDG_CACHE_HOME', str(folder / 'cache'))
    settings = ConversionSettings(
        str(own_checkpoint()), str(folder / 'm.onnx'), verify=str(split), verify_engine='openvino'
    )
    done = convert(settings, silent)
    assert done.parity.engine.startswith('OpenVINO on ')
    assert done.parity.engine.endswith(', fp32')
    assert done.parity.passed
    assert sorted(path.name for path in folder.iterdir()) == ['m.onnx', 'm.report.md']
