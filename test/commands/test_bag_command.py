# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg bag`` from a data set, a folder and a video."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from rtseg_ros.cli import main
from rtseg_ros.frames.bags.reader import BagReader
from rtseg_ros.frames.image_message import frame_from_image

LABELS_YAML = """
name: pair
ignore_id: 7
classes:
  - {name: free, color: [0, 255, 0]}
  - {name: wall, color: [255, 0, 0]}
"""


@pytest.fixture
def data(tmp_path):
    for folder in ('images', 'labels'):
        (tmp_path / 'data' / 'val' / folder).mkdir(parents=True)
    for index in range(4):
        frame = np.full((6, 8, 3), 20 * index, np.uint8)
        labels = np.full((6, 8), (0, 1, 7, 0)[index], np.uint8)
        cv2.imwrite(str(tmp_path / 'data' / 'val' / 'images' / f'{index}.png'), frame)
        cv2.imwrite(str(tmp_path / 'data' / 'val' / 'labels' / f'{index}.png'), labels)
    (tmp_path / 'pair.yaml').write_text(LABELS_YAML)
    return tmp_path


def bag_from_data(data, *options):
    return main(
        ['bag', '--dataset', str(data / 'pair.yaml'), '--root', str(data / 'data'),
         '-o', str(data / 'bag'), *options]
    )  # fmt: skip


def test_data_set(data, capsys):
    told = ['--json', str(data / 'made.json')]
    assert bag_from_data(data, '--storage', 'sqlite3', '--rate', '20', '--start', '5', *told) == 0
    assert 'wrote 4 frames' in capsys.readouterr().out
    assert json.loads((data / 'made.json').read_text()) == {
        'bag': str(data / 'bag'),
        'source': str(data / 'pair.yaml'),
        'frames': 4,
        'problems': [],
    }
    with BagReader(data / 'bag') as bag:
        assert {name: topic.count for name, topic in bag.topics.items()} == {
            '/camera/image_raw': 4,
            '/camera/camera_info': 4,
            '/camera/labels_gt': 4,
            '/camera/label_info': 1,
        }
        stamps = [raw.stamp_ns for raw in bag.messages(['/camera/labels_gt'])]
        assert stamps == [5_000_000_000 + 50_000_000 * i for i in range(4)]
        values = [raw.decode().data[0] for raw in bag.messages(['/camera/labels_gt'])]
        assert values == [0, 1, 255, 0]
        frames = [frame_from_image(raw.decode()) for raw in bag.messages(['/camera/image_raw'])]
        assert [int(frame[0, 0, 0]) for frame in frames] == [0, 20, 40, 60]
        assert bag.label_names('/camera/label_info') == {0: 'free', 1: 'wall'}


def test_image_folder_with_limit(data):
    folder = data / 'data' / 'val' / 'images'
    options = ['--format', 'png', '--limit', '2', '--camera', '/rear', '-o', str(data / 'bag')]
    assert main(['bag', '--images', str(folder), *options]) == 0
    with BagReader(data / 'bag') as bag:
        assert {name: topic.count for name, topic in bag.topics.items()} == {
            '/rear/image_raw/compressed': 2,
            '/rear/camera_info': 2,
        }
        assert bag.duration_s == pytest.approx(0.1)  # 10 Hz


def test_video(data):
    path = data / 'clip.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 25, (32, 24))
    if not video.isOpened():
        pytest.skip('this OpenCV cannot write video')
    for value in (50, 100, 150):
        video.write(np.full((24, 32, 3), value, np.uint8))
    video.release()
    assert main(['bag', '--video', str(path), '-o', str(data / 'bag')]) == 0
    with BagReader(data / 'bag') as bag:
        assert bag.topics['/camera/image_raw'].count == 3
        assert bag.duration_s == pytest.approx(0.08)  # the video's 25 Hz


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--images', 'nowhere'], "no file or folder 'nowhere'"),
        (['--dataset', 'camvid'], '--dataset needs --root'),
        (['--dataset', 'camvid', '--root', '.'], 'no CamVid split'),
    ],
)
def test_refusals(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(['bag', *options, '-o', 'bag']) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_images_leaves_nothing(tmp_path, capsys):
    (tmp_path / 'empty').mkdir()
    assert main(['bag', '--images', str(tmp_path / 'empty'), '-o', str(tmp_path / 'bag')]) == 1
    assert 'holds no image' in capsys.readouterr().err
    assert [item.name for item in tmp_path.iterdir()] == ['empty']


def test_bags_are_not_overwritten(data, capsys):
    assert bag_from_data(data) == 0
    assert bag_from_data(data) == 1
    assert 'exists' in capsys.readouterr().err


@pytest.mark.parametrize(
    'options',
    [
        *(['--rate', text] for text in ('-1', 'nan', 'inf', '1e9')),
        *(['--start', text] for text in ('-5', 'nan', '1e12')),
        *(['--limit', text] for text in ('-1', '1.5')),
        *(['--camera', text] for text in ('camera', '/my camera', '/cam-front', '/1', '/a//b')),
    ],
)
def test_values_that_would_break_us_are_wrong_usage(tmp_path, capsys, options):
    with pytest.raises(SystemExit) as ended:
        main(['bag', '--images', str(tmp_path), *options, '-o', str(tmp_path / 'bag')])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert options[0] in error
    assert repr(options[1]) in error
    assert not (tmp_path / 'bag').exists()


def test_one_bad_image_is_left_out_and_said(tmp_path, capsys):
    (tmp_path / 'images').mkdir()
    for name in ('a', 'c'):
        cv2.imwrite(str(tmp_path / 'images' / f'{name}.png'), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / 'images' / 'b.png').write_bytes(b'\x89PNG')
    assert main(['bag', '--images', str(tmp_path / 'images'), '-o', str(tmp_path / 'bag')]) == 0
    said = capsys.readouterr().out
    assert f"'{tmp_path / 'images' / 'b.png'}' is not a readable image" in said
    assert 'wrote 2 frames' in said
