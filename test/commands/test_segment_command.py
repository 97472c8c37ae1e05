# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg segment`` on photos, folders, videos and a fake camera, by the tiny model."""

from dataclasses import fields
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from streets import street

from rtseg_ros.cli import main
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.segmenting.settings import SegmentSettings

COLORS_BGR = {0: (40, 40, 40), 1: (255, 0, 0), 2: (0, 255, 0), 3: (0, 0, 255)}


@pytest.fixture
def model(tiny_model, tmp_path_factory, monkeypatch):
    """A tiny model; the test runs in an empty folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp('here'))
    return str(tiny_model)


def segment(model, *words) -> int:
    return main(['segment', *map(str, words), '--model', model])


def photo(path: Path, index: int = 0) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = street(index)[0]
    cv2.imwrite(str(path), frame)
    return frame


def video(path: Path, count: int = 8) -> Path:
    pytest.importorskip('av', reason='PyAV is not installed')
    from rtseg_ros.frames.media.video_writer import VideoWriter

    writer = VideoWriter(path, rate_hz=10)
    for index in range(count):
        # Every second gap is twice as long.
        writer.add(street(index)[0], (index + index // 2) / 10)
    return writer.close()


def test_a_photo_becomes_overlay_mask_legend_and_summary(model, capsys):
    frame = photo(Path('photo.png'))
    assert segment(model, 'photo.png', '--masks') == 0
    out = Path('segmented')
    assert sorted(path.name for path in out.iterdir()) == [
        'legend.png', 'photo_mask.png', 'photo_overlay.png', 'summary.json',
    ]  # fmt: skip
    mask = cv2.imread(str(out / 'photo_mask.png'), cv2.IMREAD_UNCHANGED)
    assert mask.shape == frame.shape[:2]
    # The middles of the four blocks: dark, blue, green, red.
    assert [int(mask[y, x]) for y, x in ((12, 16), (12, 48), (36, 16), (36, 48))] == [0, 1, 2, 3]
    overlay = cv2.imread(str(out / 'photo_overlay.png'))
    for label, (y, x) in enumerate(((12, 16), (12, 48), (36, 16), (36, 48))):
        blend = (np.array(COLORS_BGR[label]) + frame[y, x]) / 2
        assert overlay[y, x].tolist() == pytest.approx(blend.tolist(), abs=1)
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['frames'] == {'announced': 1, 'segmented': 1, 'failed': 0, 'skipped': 0}
    assert sum(summary['classes'].values()) == pytest.approx(1)
    assert summary['classes']['red'] == pytest.approx(0.25, abs=0.03)
    said = capsys.readouterr()
    assert '1 frame in' in said.out
    assert all(str(out / name) in said.out for name in ('photo_overlay.png', 'legend.png'))


def test_distinct_colours_and_outlines_in_picture_and_legend(model):
    frame = photo(Path('photo.png'))
    assert segment(model, 'photo.png', '--palette', 'distinct', '--outlines') == 0
    palette = palette_bgr(load_segmenter(model).labels, 'distinct')
    overlay, legend = cv2.imread('segmented/photo_overlay.png'), cv2.imread('segmented/legend.png')
    for label, (y, x) in enumerate(((12, 16), (12, 48), (36, 16), (36, 48))):
        blend = (palette[label].astype(float) + frame[y, x]) / 2
        assert overlay[y, x].tolist() == pytest.approx(blend.tolist(), abs=1)
        assert (legend == palette[label]).all(2).sum() > 100
    white = (overlay == 255).all(2)
    assert white[:, 20:44].any(1).all()  # a line from top to bottom between left and right


def test_a_photo_of_a_phone_is_upright(model):
    image = pytest.importorskip('PIL.Image', reason='Pillow is not installed')
    frame = photo(Path('x.png'))
    stored = image.fromarray(np.ascontiguousarray(np.rot90(frame[:, :, ::-1], 1)))
    exif = stored.getexif()
    exif[0x0112] = 6
    stored.save('phone.jpg', exif=exif, quality=98, subsampling=0)
    assert segment(model, 'phone.jpg', '-o', 'out', '--masks') == 0
    overlay = cv2.imread('out/phone_overlay.jpg')
    assert overlay.shape == frame.shape
    mask = cv2.imread('out/phone_mask.png', cv2.IMREAD_UNCHANGED)
    assert [int(mask[y, x]) for y, x in ((12, 16), (12, 48), (36, 16), (36, 48))] == [0, 1, 2, 3]


def test_one_file_is_what_it_is_called(model):
    frame = photo(Path('photo.png'))
    assert segment(model, 'photo.png', '-o', 'there/new.jpg', '--side-by-side', '--legend') == 0
    assert [path.name for path in Path('there').iterdir()] == ['new.jpg']
    picture = cv2.imread('there/new.jpg')
    height, width = frame.shape[:2]
    assert picture.shape[0] == height
    assert picture.shape[1] > 2 * width + 20  # frame, overlay, legend
    assert np.abs(picture[:, :width].astype(int) - frame).mean() < 12


def test_a_folder_is_finished_though_one_file_is_bad(model, capsys):
    for name in ('a.png', 'a.jpg', 'below/b.png'):
        photo(Path('in') / name)
    (Path('in') / 'broken.png').write_bytes(b'\x89PNG')
    assert segment(model, 'in', '-o', 'in/out', '--recursive', '--json', 'x.json') == 0
    found = sorted(str(path.relative_to('in/out')) for path in Path('in/out').rglob('*overlay*'))
    assert found == ['a.png_overlay.png', 'a_overlay.jpg', 'below/b_overlay.png']
    said = capsys.readouterr()
    assert "'in/broken.png' is not a readable image" in said.err
    assert '1 of 4 could not be read' in said.out
    assert json.loads(Path('x.json').read_text())['problems'] == [
        "'in/broken.png' is not a readable image"
    ]
    # What was written is not taken for input the next time.
    assert segment(model, 'in', '-o', 'in/out', '--recursive', '--json', 'x.json') == 0
    assert json.loads(Path('x.json').read_text())['frames']['segmented'] == 3


def test_a_video_keeps_its_frames_and_their_times(model):
    source = video(Path('in.mp4'))
    assert segment(model, 'in.mp4', '-o', 'out', '--masks') == 0
    before, after = list(open_footage(source)), list(open_footage('out/in_overlay.mp4'))
    assert [shot.time_s for shot in after] == pytest.approx([s.time_s for s in before], abs=1e-3)
    masks = sorted(Path('out/in_masks').iterdir())
    assert [path.name for path in masks] == [f'{index:06}.png' for index in range(8)]
    assert cv2.imread(str(masks[5]), cv2.IMREAD_UNCHANGED)[36, 48] == 3


def test_a_cut_video_is_finished_and_said(model, capsys):
    pytest.importorskip('av', reason='PyAV is not installed')
    from rtseg_ros.frames.media.video_writer import VideoWriter

    rng = np.random.default_rng(1)
    writer = VideoWriter(Path('cut.mp4'), rate_hz=25)
    for index in range(80):
        writer.add(rng.integers(0, 255, (48, 64, 3), np.uint8), index / 25)
    path = writer.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert segment(model, 'cut.mp4', '-o', 'out.mp4', '--json', 'x.json') == 0
    summary = json.loads(Path('x.json').read_text())
    count = summary['frames']['segmented']
    assert 20 < count < 60
    assert len(list(open_footage('out.mp4'))) == count
    said = capsys.readouterr()
    assert f'announces 80 frames, but ends after {count}' in said.err
    assert f'{80 - count} of 80 could not be read' in said.out


def test_hints(model, capsys):
    cv2.imwrite('tall.png', np.full((120, 40, 3), 90, np.uint8))
    cv2.imwrite('dark.png', np.full((48, 64), 900, np.uint16))
    assert segment(model, 'tall.png') == 0
    assert 'frames of 40x120 are stretched to the 64x48 of the model' in capsys.readouterr().err
    assert segment(model, 'tall.png', '--resize', 'letterbox') == 0
    assert 'stretched' not in capsys.readouterr().err
    assert segment(model, 'dark.png') == 0
    assert '16 bits and is dark' in capsys.readouterr().err


def test_without_pyav_the_fallback_is_named(model, capsys, monkeypatch):
    video(Path('in.mp4'))
    monkeypatch.setattr('rtseg_ros.frames.media.video_writer.encoder_name', lambda codec: '')
    assert segment(model, 'in.mp4', '-o', 'out') == 0
    assert 'hint: in_overlay.mp4 is MPEG-4 part 2' in capsys.readouterr().err


class FakeDevice:
    """A webcam of five frames."""

    def __init__(self, source):
        assert source == 0
        self.left = 5

    def isOpened(self):  # noqa: N802  OpenCV's name
        return True

    def get(self, _):
        return 30.0

    def set(self, *_):
        return True

    def read(self):
        time.sleep(0.02)
        self.left -= 1
        return self.left >= 0, street(0)[0]

    def release(self):
        pass


def test_a_webcam_by_a_fake_device(model, monkeypatch, capsys):
    """No camera was ever run here."""
    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'VideoCapture', FakeDevice)
        assert segment(model, '0', '-o', 'out', '--json', 'x.json') == 0
    frames = json.loads(Path('x.json').read_text())['frames']
    assert frames['segmented'] >= 1
    assert frames['segmented'] + frames['skipped'] == 5
    assert "'0' ended after" in capsys.readouterr().err
    assert len(list(open_footage('out/camera_0_overlay.mp4'))) == frames['segmented']


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (['none.png'], "no file or folder 'none.png'"),
        (['in', '-o', 'x.png'], "'in' is a folder, so 'x.png' must be one"),
        (['a.png', '-o', 'x.mp4'], "'x.mp4' is no name for a picture"),
        (['a.png', '-o', 'a.png'], "'a.png' is the input"),
        (['a.png', '-o', 'x.png', '--masks'], '--masks needs a folder'),
        (['a.png', '--masks', '--view'], '--masks needs a folder'),
        (['bad.png'], "'bad.png' gave no frame that could be segmented"),
        (['a.png', '--roi', '0', '0', '999', '9'], 'region of interest'),
    ],
)
def test_refusals(model, capsys, words, reason):
    photo(Path('in/a.png'))
    photo(Path('a.png'))
    Path('bad.png').write_bytes(b'nothing')
    before = sorted(Path().rglob('*'))
    assert segment(model, *words) == 1
    assert reason in capsys.readouterr().err
    assert sorted(Path().rglob('*')) == before


@pytest.mark.process
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_finished_video(model, number):
    frames = 4000
    pytest.importorskip('av', reason='PyAV is not installed')
    from rtseg_ros.frames.media.video_writer import VideoWriter

    writer = VideoWriter(Path('long.mp4'), rate_hz=25)
    for index in range(frames):
        writer.add(street(index)[0], index / 25)
    writer.close()
    process = subprocess.Popen(
        [
            sys.executable, '-m', 'rtseg_ros.cli', 'segment', 'long.mp4', '-o', 'out',
            '--masks', '--model', model,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not Path('out/long_masks/000020.png').exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert f'stopped by {number.name}' in said
    summary = json.loads(Path('out/summary.json').read_text())
    count = summary['frames']['segmented']
    assert 20 < count < frames
    assert summary['stopped_by'] == number.name
    assert len(list(open_footage('out/long_overlay.mp4'))) == count
    assert not list(Path('out').glob('.*'))
    assert 'problem' not in complaints


def test_options_mean_what_the_nodes_parameters_mean():
    parameters = pytest.importorskip('rtseg_ros.nodes.parameters', reason='needs ROS 2')
    theirs = {item.name: item for item in fields(parameters.SegmentationParameters)}
    for mine in fields(SegmentSettings):
        assert mine.default == theirs[mine.name].default
        assert mine.metadata['choices'] == theirs[mine.name].metadata['choices']
        if mine.name != 'roi':  # the numbers of an array have no range in ROS
            assert mine.metadata['range'] == theirs[mine.name].metadata['range']
