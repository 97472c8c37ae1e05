# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Label upsampling against hand-worked pixels, a float64 reference and torch."""

from dataclasses import dataclass

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from places import CAMVID_FOLDER
import pytest
import torch
from torch.nn import functional

from rtseg_ros.errors import EngineError, FrameError
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.blocks import resize_bilinear
from rtseg_ros.runtime import interpolate as interpolation
from rtseg_ros.runtime import load_segmenter, upsample
from rtseg_ros.runtime.shipped import SHIPPED_MODELS
from rtseg_ros.runtime.upsample import labels_and_confidence_from_logits, labels_from_logits

CAMVID_LABELS = CAMVID_FOLDER / 'val' / 'labels'


def positions(size_in, size_out, align_corners):
    """Both neighbours and the weight of the second, written from the documentation of torch."""
    pixel = np.arange(size_out, dtype=np.float64)
    if align_corners:
        source = pixel * (size_in - 1) / (size_out - 1) if size_out > 1 else 0 * pixel
    else:
        source = np.maximum((pixel + 0.5) * size_in / size_out - 0.5, 0)
    first = np.minimum(np.floor(source), size_in - 1).astype(int)
    return first, np.minimum(first + 1, size_in - 1), source - first


def interpolate(logits, size_hw, align_corners):
    """Full bilinear interpolation in float64."""
    y0, y1, v = positions(logits.shape[1], size_hw[0], align_corners)
    x0, x1, u = positions(logits.shape[2], size_hw[1], align_corners)
    logits = logits.astype(np.float64)
    lines = logits[:, y0] * (1 - v)[:, None] + logits[:, y1] * v[:, None]
    return lines[:, :, x0] * (1 - u) + lines[:, :, x1] * u


def count_ties(labels, scores, *, tolerance=1e-5):
    """Count the pixels that differ from the argmax of full scores; all must be near a tie."""
    expected = scores.argmax(axis=0)
    y, x = np.nonzero(labels != expected)
    lost = scores[expected[y, x], y, x] - scores[labels[y, x], y, x]
    scale = np.abs(scores).max(axis=0)[y, x]
    assert np.all(lost <= tolerance * scale), f'lost {lost.max()} of {scale[lost.argmax()]}'
    return len(y)


def blobs(num_classes, size_hw, *, seed=0, noise=0.7):
    """Logits as a network gives them: smooth regions, blurred borders, some noise."""
    rng = np.random.default_rng(seed)
    fields = rng.normal(size=(num_classes, 6, 8))
    owner = np.argmax([cv2.resize(field, size_hw[::-1]) for field in fields], axis=0)
    logits = rng.normal(0, noise, (num_classes, *size_hw)).astype(np.float32)
    for class_id in range(num_classes):
        mask = (owner == class_id).astype(np.float32)
        logits[class_id] += 8 * cv2.GaussianBlur(mask, (0, 0), 1)
    return logits


def test_half_pixel_convention_by_hand():
    # Source positions of four pixels on two points: -1/4, 1/4, 3/4, 5/4, clamped to 0..1.
    logits = np.array([[[1, 0]], [[0, 1]]], np.float32)
    np.testing.assert_array_equal(labels_from_logits(logits, (1, 4)), [[0, 0, 1, 1]])


def test_aligned_corners_by_hand():
    # Source positions 0, 1/2, 1: the middle is a tie, which the lower class id wins.
    logits = np.array([[[1, 0]], [[0, 1]]], np.float32)
    labels = labels_from_logits(logits, (1, 3), align_corners=True)
    np.testing.assert_array_equal(labels, [[0, 0, 1]])


def test_a_third_class_wins_between_two_others():
    # Class 2 is nowhere the best corner, but second everywhere: in the middle it wins.
    logits = np.array([[[10, 0]], [[0, 10]], [[8, 8]]], np.float32)
    labels = labels_from_logits(logits, (1, 5), align_corners=True)
    np.testing.assert_array_equal(labels, [[0, 2, 2, 2, 1]])


@settings(max_examples=150, deadline=None)
@given(
    num_classes=st.integers(1, 9),
    coarse=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    align_corners=st.booleans(),
    smooth=st.booleans(),
    seed=st.integers(0, 9999),
)
def test_equals_full_interpolation(num_classes, coarse, size, align_corners, smooth, seed):
    if smooth:
        logits = blobs(num_classes, coarse, seed=seed)
    else:
        rng = np.random.default_rng(seed)
        logits = rng.normal(size=(num_classes, *coarse)).astype(np.float32)
    before = logits.copy()
    labels = labels_from_logits(logits, size, align_corners=align_corners)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    count_ties(labels, interpolate(logits, size, align_corners))
    np.testing.assert_array_equal(logits, before)


@settings(max_examples=100, deadline=None)
@given(
    num_classes=st.integers(2, 5),
    coarse=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    stride=st.sampled_from([1, 2, 4, 8]),
    align_corners=st.booleans(),
    top=st.integers(1, 6),
    seed=st.integers(0, 9999),
)
def test_ties_go_to_the_lowest_class(num_classes, coarse, stride, align_corners, top, seed):
    # Small whole numbers and power-of-two ratios: float32 is exact, so every tie is a real one.
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, top, (num_classes, *coarse)).astype(np.float32)
    size = tuple((side - 1) * stride + 1 if align_corners else side * stride for side in coarse)
    labels = labels_from_logits(logits, size, align_corners=align_corners)
    expected = interpolate(logits, size, align_corners).argmax(axis=0)
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(
    ('num_classes', 'coarse', 'size'),
    [
        (19, (64, 128), (512, 1024)),
        (12, (90, 120), (360, 480)),
        (19, (90, 160), (720, 1280)),
        (11, (45, 80), (357, 641)),
        (19, (96, 128), (60, 91)),
        (150, (32, 64), (128, 256)),
    ],
)
@pytest.mark.parametrize('noise', [0.7, 100.0])
def test_equals_torch(num_classes, coarse, size, align_corners, noise):
    logits = blobs(num_classes, coarse, noise=noise)
    labels = labels_from_logits(logits, size, align_corners=align_corners)
    full = functional.interpolate(
        torch.from_numpy(logits)[None], size, mode='bilinear', align_corners=align_corners
    )[0].numpy()
    # torch rounds positions to float32 as well: up to 2**-24 of the width, times the slope.
    ties = count_ties(labels, full, tolerance=1e-5 + 2**-22 * max(coarse))
    assert ties <= 1e-4 * labels.size


@pytest.mark.parametrize('align_corners', [False, True])
def test_dense_and_sparse_ways_agree(monkeypatch, align_corners):
    logits = blobs(11, (30, 40), noise=2)
    results = []
    for share in (-1.0, 1.0):
        monkeypatch.setattr(upsample, '_DENSE_SHARE', share)
        monkeypatch.setattr(upsample, '_DENSE_SHARE_CONFIDENCE', share)
        labels, confidence = labels_and_confidence_from_logits(
            logits, (111, 160), align_corners=align_corners, temperature=0.4
        )
        results.append((labels, confidence.astype(int)))
    assert np.count_nonzero(results[0][0] != results[1][0]) <= 2
    assert np.abs(results[0][1] - results[1][1]).max() <= 1
    assert np.count_nonzero(results[0][1] != results[1][1]) <= 20


@pytest.mark.parametrize('block', [1, 7])
def test_blocks_join_without_a_seam(monkeypatch, block):
    logits = blobs(5, (20, 30), noise=1)
    expected = labels_and_confidence_from_logits(logits, (100, 200), temperature=0.3)
    for name in ('_ARGMAX_BLOCK', '_SCORE_BLOCK', '_CELL_BLOCK'):
        monkeypatch.setattr(upsample, name, block)
    monkeypatch.setattr(interpolation, '_VOLUME_BLOCK', block)
    found = labels_and_confidence_from_logits(logits, (100, 200), temperature=0.3)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(
    num_classes=st.integers(1, 8),
    coarse=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    align_corners=st.booleans(),
    temperature=st.sampled_from([0.1, 0.5, 1.0, 2.5]),
    seed=st.integers(0, 9999),
)
def test_confidence_is_the_largest_softmax_probability(
    num_classes, coarse, size, align_corners, temperature, seed
):
    logits = blobs(num_classes, coarse, seed=seed)
    labels, confidence = labels_and_confidence_from_logits(
        logits, size, align_corners=align_corners, temperature=temperature
    )
    same = labels_from_logits(logits, size, align_corners=align_corners)
    np.testing.assert_array_equal(labels, same)
    scores = interpolate(logits, size, align_corners) / temperature
    probability = np.exp(scores - scores.max(axis=0))
    exact = 255 * (probability.max(axis=0) / probability.sum(axis=0))
    # Half a step for rounding to 8 bits, and what float32 loses on logits of this size.
    assert np.abs(confidence - exact).max() <= 0.5 + 5e-4 / temperature


def test_confidence_of_certain_and_of_uniform_logits():
    certain = np.zeros((4, 3, 5), np.float32)
    certain[2] = 30
    labels, confidence = labels_and_confidence_from_logits(certain, (12, 20))
    assert (labels == 2).all()
    assert (confidence == 255).all()
    labels, confidence = labels_and_confidence_from_logits(0 * certain, (12, 20))
    assert (labels == 0).all()
    assert (confidence == 64).all()  # 255 / 4 = 63.75


def test_out_is_filled_and_returned():
    logits = blobs(3, (10, 12))
    out = np.full((40, 48), 77, np.uint8)
    assert labels_from_logits(logits, (40, 48), out=out) is out
    np.testing.assert_array_equal(out, labels_from_logits(logits, (40, 48)))
    same_size = np.full((10, 12), 77, np.uint8)
    labels_from_logits(logits, (10, 12), out=same_size)
    np.testing.assert_array_equal(same_size, logits.argmax(axis=0))


def test_a_view_of_padded_logits():
    padded = blobs(3, (12, 16))
    view = padded[:, :10, :13]
    expected = labels_from_logits(view.copy(), (40, 52))
    np.testing.assert_array_equal(labels_from_logits(view, (40, 52)), expected)


@pytest.mark.parametrize(
    ('logits', 'size', 'error', 'word'),
    [
        (np.zeros((2, 3, 4)), (8, 8), EngineError, 'float64'),
        (np.zeros((1, 2, 3, 4), np.float32), (8, 8), EngineError, r'\(1, 2, 3, 4\)'),
        (np.zeros((300, 2, 2), np.float32), (8, 8), EngineError, '300 classes'),
        (np.zeros((2, 0, 2), np.float32), (8, 8), EngineError, r'\(2, 0, 2\)'),
        (np.zeros((2, 3, 4), np.float32), (0, 8), FrameError, r'\(0, 8\)'),
    ],
)
def test_what_cannot_be_upsampled_is_refused(logits, size, error, word):
    with pytest.raises(error, match=word):
        labels_from_logits(logits, size)


def test_a_wrong_out_or_temperature_is_refused():
    logits = np.zeros((2, 3, 4), np.float32)
    for out in (np.zeros((8, 9), np.uint8), np.zeros((8, 8)), np.zeros((8, 16), np.uint8)[:, ::2]):
        with pytest.raises(FrameError, match='out is'):
            labels_from_logits(logits, (8, 8), out=out)
    with pytest.raises(EngineError, match='temperature is 0'):
        labels_and_confidence_from_logits(logits, (8, 8), temperature=0)


@pytest.mark.zoo
@pytest.mark.parametrize('name', list_networks())
def test_logits_of_every_network(name):
    torch.manual_seed(0)
    network = create_network(name, 11).eval()
    rows = torch.linspace(-2, 2, 96)[:, None].expand(96, 128)
    image = torch.stack([rows, rows.sin(), torch.linspace(-1, 3, 128).expand(96, 128)])[None]
    with torch.inference_mode():
        coarse = network.coarse_logits(image)
        full = network(image)[0].numpy()
        larger = resize_bilinear(coarse, (200, 213), align_corners=network.align_corners)[0]
    for scores in (full, larger.numpy()):
        labels = labels_from_logits(
            coarse[0].numpy(), scores.shape[1:], align_corners=network.align_corners
        )
        # Every pixel that differs is a tie but for rounding; most networks have none at all.
        assert count_ties(labels, scores) <= 20


@pytest.mark.skipif(not CAMVID_LABELS.is_dir(), reason='needs the CamVid frames in ../shared/data')
@pytest.mark.parametrize('path', sorted(SHIPPED_MODELS.glob('*.onnx')), ids=lambda path: path.stem)
def test_real_logits_of_shipped_models(path):
    segmenter = load_segmenter(path)
    align_corners = segmenter.engine.model.metadata.align_corners
    for index in (0, 50, 100):
        image = sorted(CAMVID_LABELS.with_name('images').glob('*'))[index]
        logits = segmenter.logits(cv2.imread(str(image)))
        for size in ((360, 480), (720, 1280), (241, 333)):
            full = functional.interpolate(
                torch.from_numpy(logits)[None], size, mode='bilinear', align_corners=align_corners
            )[0].numpy()
            labels = labels_from_logits(logits, size, align_corners=align_corners)
            ties = count_ties(labels, full, tolerance=1e-5 + 2**-22 * max(logits.shape[1:]))
            assert ties <= 5


@dataclass
class Work:
    """What was interpolated: pixels, scores of one class in them, and rows in full."""

    pixels: int = 0
    scores: int = 0
    rows: int = 0


@pytest.fixture
def work(monkeypatch):
    """Count what labels_from_logits interpolates."""
    done = Work()

    def counted_cells(*arguments, **options):
        for pixels, candidates in interpolation.interpolate_cells(*arguments, **options):
            done.pixels += np.unique(pixels).size
            yield pixels, counted(candidates)

    def counted(candidates):
        for class_ids, scores in candidates:
            done.scores += scores.size
            yield class_ids, scores

    def counted_rows(*arguments, **options):
        for band, volume in interpolation.interpolate_rows(*arguments, **options):
            done.rows += volume.shape[1]
            yield band, volume

    monkeypatch.setattr(upsample, 'interpolate_cells', counted_cells)
    monkeypatch.setattr(upsample, 'interpolate_rows', counted_rows)
    return done


@pytest.mark.skipif(not CAMVID_LABELS.is_dir(), reason='needs the CamVid labels in ../shared/data')
@pytest.mark.parametrize('stride', [4, 8])
def test_street_scenes_need_little_interpolation(stride, work):
    """Only the cells at borders, of which a street scene has few; speed is `rtseg benchmark`'s."""
    truth = cv2.imread(str(sorted(CAMVID_LABELS.glob('*.png'))[0]), cv2.IMREAD_UNCHANGED)
    size = truth.shape
    coarse = (size[0] // stride, size[1] // stride)
    logits = np.random.default_rng(0).normal(0, 0.7, (12, *coarse)).astype(np.float32)
    for class_id in range(12):
        mask = (truth == class_id).astype(np.float32)
        logits[class_id] += 8 * cv2.resize(mask, coarse[::-1], interpolation=cv2.INTER_AREA)
    labels = labels_from_logits(logits, size)
    full = functional.interpolate(torch.from_numpy(logits)[None], size, mode='bilinear')
    assert np.count_nonzero(labels != full.argmax(1)[0].numpy()) <= 2

    # A pixel between four points that agree has their class; the others are interpolated once.
    winner = logits.argmax(axis=0)
    y0, y1, v = positions(coarse[0], size[0], False)
    x0, x1, u = positions(coarse[1], size[1], False)
    y1, x1 = np.where(v == 0, y0, y1), np.where(u == 0, x0, x1)  # at the edge one point counts
    corners = [winner[y][:, x] for y in (y0, y1) for x in (x0, x1)]
    at_borders = np.count_nonzero(np.ptp(corners, axis=0))
    assert work.rows == 0
    assert work.pixels == at_borders < 0.15 * labels.size
    # There about half of the classes cannot win: a sixteenth of all scores is left.
    assert work.scores < len(logits) * labels.size / 16


def test_noise_is_interpolated_in_full(work):
    logits = np.random.default_rng(0).normal(size=(12, 30, 40)).astype(np.float32)
    labels_from_logits(logits, (120, 160))
    assert work == Work(rows=120)
