# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pixels go through cut, padding, turn, network and back, and stay where they were."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from rtseg_ros.errors import FrameError, SettingError
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.geometry import Geometry, Rectangle, layout, output_size_from_text

BLUE = (255, 0, 0)


def in_source(plan, x, y):
    scale_x, offset_x, scale_y, offset_y = plan.source_from_mask()
    return scale_x * x + offset_x, scale_y * y + offset_y


def test_letterbox_by_hand():
    """64 x 24 into 64 x 48: 12 rows above and below, none beside."""
    plan = layout(Geometry('letterbox'), source_hw=(24, 64), network_hw=(48, 64))
    assert plan.border == (12, 12, 0, 0)
    assert plan.labels_hw == (48, 64)
    assert plan.cut == Rectangle(12, 0, 24, 64)
    assert plan.mask_hw == (24, 64)
    assert plan.is_source


def test_crop_by_hand():
    """100 x 30 to the ratio 64 : 48 is 40 x 30 in the middle, from x = 30."""
    plan = layout(Geometry('crop', output_size='region'), source_hw=(30, 100), network_hw=(48, 64))
    assert plan.seen == Rectangle(0, 30, 30, 40)
    assert plan.mask_hw == (30, 40)
    assert in_source(plan, 0, 0) == (30, 0)
    assert not plan.is_source


def test_network_output_by_hand():
    """A frame of twice the network's size: mask pixel 0 lies between frame pixels 0 and 1."""
    plan = layout(Geometry(output_size='network'), source_hw=(96, 128), network_hw=(48, 64))
    assert plan.mask_hw == (48, 64)
    assert plan.source_from_mask() == (2, 0.5, 2, 0.5)


def test_network_output_leaves_out_pixels_that_are_partly_padding():
    """64 x 20 padded to 64 x 48 at half size: rows 7 to 17 of 24, exactly."""
    plan = layout(
        Geometry('letterbox', output_size='network'), source_hw=(20, 64), network_hw=(24, 32)
    )
    assert plan.border == (14, 14, 0, 0)
    assert plan.cut == Rectangle(7, 0, 10, 32)
    plan = layout(  # 64 x 22: padded from row 13, so network row 6.5 is cut in half
        Geometry('letterbox', output_size='network'), source_hw=(22, 64), network_hw=(24, 32)
    )
    assert plan.cut == Rectangle(7, 0, 10, 32)
    assert in_source(plan, 0, 0) == (0.5, 1.5)


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
def test_rotation_is_clockwise_and_undone(rotation):
    frame = np.zeros((20, 40, 3), np.uint8)
    frame[0, 39] = 9  # top right corner
    size = (40, 20) if rotation in (90, 270) else (20, 40)
    plan = layout(Geometry(rotation=rotation), source_hw=(20, 40), network_hw=size)
    seen = plan.network_frame(frame, (0, 0, 0))
    corner = {0: (0, -1), 90: (-1, -1), 180: (-1, 0), 270: (0, 0)}[rotation]
    assert seen.shape[:2] == size
    assert seen[corner][0] == 9
    np.testing.assert_array_equal(plan.turned_back(seen[..., 0]), frame[..., 0])


RESIZES = ('stretch', 'letterbox', 'crop')
ROIS = (None, (16, 8, 64, 64))
SIZES = ('source', 'region', 'network', (30, 50))
COMBINATIONS = list(itertools.product(RESIZES, ROIS, (0, 90, 180, 270), SIZES))


@pytest.fixture(scope='module')
def fine_model(make_model):
    """Logits at every second pixel of 128 x 96."""
    return make_model('fine', size_hw=(96, 128), stride=2)


@pytest.mark.parametrize(('resize', 'roi', 'rotation', 'size'), COMBINATIONS)
def test_marked_pixels_map_there_and_back(fine_model, resize, roi, rotation, size):
    """A marked rectangle of the frame is found in the mask where the layout says it must be."""
    frame = np.zeros((80, 112, 3), np.uint8)
    frame[28:52, 36:68] = BLUE
    geometry = Geometry(resize, roi, rotation, size)
    result = load_segmenter(fine_model, geometry=geometry)(frame)
    plan = result.layout
    assert result.labels.shape == plan.mask_hw
    ys, xs = np.nonzero(result.labels == 1)
    left, top = in_source(plan, xs.min() - 0.5, ys.min() - 0.5)
    right, bottom = in_source(plan, xs.max() + 0.5, ys.max() + 0.5)
    # Half a cell of the logits (at most 2 network pixels of 112 / 96 frame pixels) and half a
    # pixel of the mask.
    scale_x, _, scale_y, _ = plan.source_from_mask()
    assert abs(left - 35.5) <= 1.17 + scale_x / 2
    assert abs(right - 67.5) <= 1.17 + scale_x / 2
    assert abs(top - 27.5) <= 1.17 + scale_y / 2
    assert abs(bottom - 51.5) <= 1.17 + scale_y / 2
    unseen = np.ones(frame.shape[:2], bool)
    plan.seen.of(unseen)[:] = False
    if plan.whole:
        assert set(np.unique(result.labels[unseen])) <= {255}
        assert 255 not in result.labels[~unseen]
    else:
        assert 255 not in result.labels


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(('resize', 'roi', 'rotation', 'size'), COMBINATIONS)
def test_labels_are_those_of_interpolated_scores(
    make_model, align_corners, resize, roi, rotation, size
):
    """Every mask pixel against float64 bilinear interpolation at the place its centre maps to.

    An independent way: from the mask's pixel through the frame, the padded part and the turned
    network input to the coarse logits, one pixel at a time.
    """
    path = _models(make_model, align_corners)
    rng = np.random.default_rng(3)
    frame = np.repeat(np.repeat(rng.integers(0, 256, (9, 14, 3), np.uint8), 9, 0), 9, 1)
    segmenter = load_segmenter(path, geometry=Geometry(resize, roi, rotation, size))
    result = segmenter(frame)
    plan = result.layout
    logits = segmenter.logits(frame).astype(np.float64)
    if any(plan.border) and isinstance(size, tuple):  # takes the nearest pixel of the region
        region = load_segmenter(path, geometry=Geometry(resize, roi, rotation, 'region'))
        rows = ((np.arange(size[0]) + 0.5) * plan.seen.height / size[0]).astype(int)
        columns = ((np.arange(size[1]) + 0.5) * plan.seen.width / size[1]).astype(int)
        expected = region(frame).labels[np.ix_(rows, columns)]
        np.testing.assert_array_equal(result.labels, expected)
        return
    scores = _reference_scores(plan, logits, align_corners)
    inside = ~np.isnan(scores[0])
    best = np.sort(scores, axis=0)
    clear = inside & (best[-1] - best[-2] > 1e-3)
    expected = np.where(inside, scores.argmax(axis=0), 255)
    assert clear.mean() > 0.3 * inside.mean()
    np.testing.assert_array_equal(result.labels[clear], expected[clear])
    assert (result.labels[~inside] == 255).all()


def _models(make_model, align_corners, made={}):  # noqa: B006  one model for all combinations
    if align_corners not in made:
        made[align_corners] = make_model(size_hw=(48, 64), align_corners=align_corners)
    return made[align_corners]


def _reference_scores(plan, logits, align_corners):
    top, bottom, left, right = plan.border
    padded = plan.seen.height + top + bottom, plan.seen.width + left + right
    scale_x, offset_x, scale_y, offset_y = plan.source_from_mask()
    xs = scale_x * np.arange(plan.mask_hw[1]) + offset_x  # in the frame
    ys = scale_y * np.arange(plan.mask_hw[0]) + offset_y
    outside_x = (xs < plan.seen.left - 0.5) | (xs > plan.seen.left + plan.seen.width - 0.5)
    outside_y = (ys < plan.seen.top - 0.5) | (ys > plan.seen.top + plan.seen.height - 0.5)
    # Share of the padded part, edge to edge (0 to 1), then turned into the network's frame.
    across = (xs + 0.5 - plan.seen.left + left) / padded[1]
    down = (ys + 0.5 - plan.seen.top + top) / padded[0]
    if align_corners:  # centre to centre, on the grid of the labels
        grid = plan.labels_hw
        across = (across * grid[1] - 0.5) / (grid[1] - 1)
        down = (down * grid[0] - 0.5) / (grid[0] - 1)
    across, down = np.meshgrid(across, down)
    if plan.rotation == 90:
        across, down = 1 - down, across
    elif plan.rotation == 180:
        across, down = 1 - across, 1 - down
    elif plan.rotation == 270:
        across, down = down, 1 - across
    _, height, width = logits.shape
    if align_corners:
        u, v = across * (width - 1), down * (height - 1)
    else:
        u, v = across * width - 0.5, down * height - 0.5
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    u0, v0 = np.minimum(u.astype(int), width - 2), np.minimum(v.astype(int), height - 2)
    fu, fv = u - u0, v - v0
    above = logits[:, v0, u0] * (1 - fu) + logits[:, v0, u0 + 1] * fu
    below = logits[:, v0 + 1, u0] * (1 - fu) + logits[:, v0 + 1, u0 + 1] * fu
    scores = above * (1 - fv) + below * fv
    scores[:, outside_y] = np.nan
    scores[:, :, outside_x] = np.nan
    return scores


@settings(max_examples=200, deadline=None)
@given(
    source=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    network=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    resize=st.sampled_from(RESIZES),
    rotation=st.sampled_from((0, 90, 180, 270)),
    size=st.sampled_from(SIZES),
)
def test_every_mask_pixel_lies_on_the_part_seen(source, network, resize, rotation, size):
    plan = layout(Geometry(resize, None, rotation, size), source_hw=source, network_hw=network)
    part = Rectangle(0, 0, *source) if plan.whole else plan.seen
    for x, y in ((-0.5, -0.5), (plan.mask_hw[1] - 0.5, plan.mask_hw[0] - 0.5)):
        px, py = in_source(plan, x, y)
        # A part thinner than one pixel of the network's grid still gets that one pixel.
        thin_x = plan.cut.width == 1 and size == 'network'
        thin_y = plan.cut.height == 1 and size == 'network'
        assert thin_x or part.left - 0.5 - 1e-6 <= px <= part.left + part.width - 0.5 + 1e-6
        assert thin_y or part.top - 0.5 - 1e-6 <= py <= part.top + part.height - 0.5 + 1e-6
    frame = np.zeros((*source, 3), np.uint8)
    seen = plan.network_frame(frame, (0, 0, 0))
    assert seen.shape[:2] == network
    mask = plan.mask_from_labels(np.zeros(plan.labels_hw, np.uint8), fill=255)
    assert mask.shape == plan.mask_hw
    assert mask.flags.c_contiguous
    assert plan.picture(frame).shape[:2] == plan.mask_hw


def test_confidence_has_the_masks_geometry(tiny_model):
    geometry = Geometry('crop', output_size='source')
    frame = np.full((40, 200, 3), BLUE, np.uint8)
    result = load_segmenter(tiny_model, geometry=geometry)(frame, confidence=True)
    assert result.confidence.shape == (40, 200)
    outside = result.labels == 255
    assert outside.sum() == 40 * (200 - 53)  # 40 rows at 64 : 48 are 53 columns
    assert (result.confidence[outside] == 0).all()
    assert (result.confidence[~outside] > 250).all()


def test_region_outside_of_the_frame_is_a_frame_error():
    with pytest.raises(FrameError, match='x 10, y 0, 100x20 is not inside the frame of 60x50'):
        layout(Geometry(roi=(10, 0, 100, 20)), source_hw=(50, 60), network_hw=(48, 64))


def test_strip_that_padding_would_blow_up_is_refused():
    with pytest.raises(FrameError, match='stretch'):
        layout(Geometry('letterbox'), source_hw=(1, 60000), network_hw=(48, 64))


@pytest.mark.parametrize(
    'values',
    [
        {'resize': 'squeeze'},
        {'rotation': 45},
        {'roi': (0, 0, 0, 5)},
        {'roi': (-1, 0, 5, 5)},
        {'output_size': 'half'},
        {'output_size': (0, 5)},
    ],
)
def test_impossible_settings_are_refused(values):
    with pytest.raises(SettingError, match=next(iter(values))):
        Geometry(**values)


def test_output_size_as_text():
    assert output_size_from_text('network') == 'network'
    assert output_size_from_text('640 360') == (360, 640)
    with pytest.raises(SettingError, match='640 360'):
        output_size_from_text('640x360')
