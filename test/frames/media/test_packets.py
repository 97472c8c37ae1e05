# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Packets of ffmpeg_image_transport: decoded where PyAV is installed, else named."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('av', reason='PyAV is not installed')

import av
from packet_bags import TOPIC, packets_of, write_packet_bag

from rtseg_ros.errors import BagError, FrameError
from rtseg_ros.frames.bag_source import BagSource
from rtseg_ros.frames.media.packets import PacketDecoder, decoder_name

# Flat colours survive the codec to a few grey levels.
COLOURS = [(200, 40, 30), (30, 180, 60), (20, 50, 210)]


def frames_of(colours):
    return [np.full((48, 64, 3), colour, np.uint8) for colour in colours]


def message(data, encoding='h264;yuv420p;bgr8;bgr8'):
    return SimpleNamespace(encoding=encoding, data=data)


@pytest.mark.parametrize(
    ('encoding', 'name'),
    [
        ('h264;yuv420p;bgr8;bgr8', 'h264'),
        ('libx264', 'h264'),
        ('h264_nvenc', 'h264'),
        ('hevc;yuv420p;bgr8;rgb8', 'hevc'),
        ('H.265', 'hevc'),
        ('libx265', 'hevc'),
        ('av1', 'libdav1d'),
    ],
)
def test_names_of_drivers(encoding, name):
    assert decoder_name(encoding) == name


@pytest.mark.fault(said=1)
def test_an_unknown_codec_is_refused_by_name():
    with pytest.raises(FrameError, match="encoding 'theora;x', whose codec is not known"):
        decoder_name('theora;x')


@pytest.mark.parametrize(
    ('codec', 'encoding', 'options'),
    [
        ('libx264', 'h264;yuv420p;bgr8;bgr8', None),
        ('libx265', 'hevc', {'preset': 'ultrafast', 'tune': 'zerolatency',
                             'x265-params': 'log-level=none:crf=4'}),
    ],
)  # fmt: skip
def test_every_packet_gives_its_picture(codec, encoding, options):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no encoder {codec}')
    decoder = PacketDecoder()
    packets = packets_of(frames_of(COLOURS * 2), codec, options)
    assert len(packets) == 6
    for (data, _), colour in zip(packets, COLOURS * 2, strict=True):
        frame = decoder.frame(message(data, encoding))
        assert frame.shape == (48, 64, 3)
        assert np.abs(frame.astype(int) - colour).max() < 12


@pytest.mark.fault(said=1)
def test_a_stream_that_is_joined_late_waits_for_its_key_frame():
    packets = packets_of(frames_of([COLOURS[0]] * 5 + [COLOURS[1]] * 3))
    assert [key for _, key in packets] == [True, *[False] * 4, True, False, False]
    decoder = PacketDecoder()
    for data, _ in packets[2:5]:
        with pytest.raises(FrameError, match='key frame'):
            decoder.frame(message(data))
    for data, _ in packets[5:]:
        assert np.abs(decoder.frame(message(data)).astype(int) - COLOURS[1]).max() < 12


@pytest.mark.fault(said=1)
def test_damaged_packets_are_frame_errors():
    decoder = PacketDecoder()
    for data in (b'', b'hello', bytes(500), np.random.default_rng(0).bytes(500)):
        with pytest.raises(FrameError, match='packet'):
            decoder.frame(message(data))


@pytest.mark.fault(said=1)
def test_without_pyav_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(FrameError, match=r"h264 stream \(ffmpeg_image_transport\); PyAV .* 'av=="):
        PacketDecoder().frame(message(b'x'))


@pytest.mark.fault(said=1)
def test_a_bag_of_packets_is_read_in_order_whoever_asks_for_which_frame(tmp_path):
    packets = packets_of(frames_of(COLOURS * 2))
    packets[3] = (b'damaged', False)
    write_packet_bag(tmp_path / 'bag', packets)
    source = BagSource(tmp_path / 'bag')
    assert source.image_topic == TOPIC
    assert source.label_info_topic == '/cam/label_info'
    for _ in range(2):  # every reading starts a new stream
        items = list(source)
        assert [item.stamp_ns for item in items] == [10**9 + n * 10**8 for n in range(6)]
        for number in (5, 0, 2):
            frame = items[number].frame()
            assert np.abs(frame.astype(int) - COLOURS[number % 3]).max() < 12
        with pytest.raises(FrameError, match='packet'):
            items[3].frame()


@pytest.mark.fault(said=1)
def test_labels_are_no_video(tmp_path):
    write_packet_bag(tmp_path / 'bag', packets_of(frames_of(COLOURS)))
    with pytest.raises(BagError, match='FFMPEGPacket; expected sensor_msgs/msg/Image or'):
        BagSource(tmp_path / 'bag', image_topic=TOPIC, labels_topic=TOPIC)
