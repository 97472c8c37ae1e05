# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where preprocessing comes from, in which order, and never from a guess."""

import pytest
import torch

from rtseg_ros.conversion.checkpoint import Checkpoint
from rtseg_ros.conversion.key_layouts import layouts_of
from rtseg_ros.conversion.presets import (
    PRESETS,
    chosen_preprocessing,
    preprocessing_from_preset,
)
from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import ConversionError, ModelFileError
from rtseg_ros.labels import CAMVID, CITYSCAPES
from rtseg_ros.runtime.preprocess import Preprocessing

OWN = Preprocessing((360, 480), 'rgb', (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
BUFFERS = {
    'backbone.img_mean': torch.tensor([73.15, 82.9, 72.3]).view(1, 3, 1, 1),
    'backbone.img_std': torch.tensor([47.67, 48.49, 47.73]).view(1, 3, 1, 1),
}


def chosen(*, network='swiftnet_rn18', labels=CAMVID, own=None, weights=None, **options):
    checkpoint = Checkpoint('x.pth', '', '', weights or {}, preprocessing=own)
    layout = layouts_of(network)[-1]
    return chosen_preprocessing(ConversionSettings(**options), checkpoint, layout, labels)


def test_options_come_first():
    options = {'channel_order': 'bgr', 'mean': (9.0, 8.0, 7.0), 'std': (3.0, 2.0, 1.0)}
    found, why = chosen(own=OWN, weights=BUFFERS, size_hw=(64, 96), scale=0.5, **options)
    assert found == Preprocessing((64, 96), 'bgr', (9.0, 8.0, 7.0), (3.0, 2.0, 1.0), 0.5)
    assert why == 'the options'


def test_then_a_preset():
    found, why = chosen(own=OWN, preset='imagenet', size_hw=(64, 96))
    assert found.mean == (123.675, 116.28, 103.53)
    assert found.size_hw == (64, 96)
    assert why == "preset 'imagenet'"


def test_then_the_training_run():
    assert chosen(own=OWN, weights=BUFFERS) == (OWN, 'the training run')
    assert chosen(own=OWN, size_hw=(64, 96))[0].size_hw == (64, 96)


def test_then_the_buffers_of_swiftnet():
    found, why = chosen(weights=BUFFERS, size_hw=(64, 96))
    assert found == Preprocessing((64, 96), 'rgb', (73.15, 82.9, 72.3), (47.67, 48.49, 47.73))
    assert 'img_mean' in why
    scaled, _ = chosen(
        weights=BUFFERS | {'backbone.img_scale': torch.tensor([2.0]).view(1, 1, 1, 1)},
        size_hw=(64, 96),
    )
    # (x / 2 - mean) / std = (x - 2 mean) / (2 std)
    assert scaled.mean == (146.3, 165.8, 144.6)
    assert scaled.std == (95.34, 96.98, 95.46)
    with pytest.raises(ConversionError, match='give --size-hw'):
        chosen(weights=BUFFERS)


def test_then_what_the_authors_used():
    found, why = chosen(network='espnet')
    assert found == preprocessing_from_preset('espnet-camvid')
    assert found.size_hw == (360, 480)
    assert found.scale == pytest.approx(1 / 255)
    assert 'espnet-camvid' in why
    assert chosen(network='lednet', labels=CITYSCAPES)[0].size_hw == (512, 1024)


def test_and_never_a_guess():
    with pytest.raises(ConversionError, match=r'linknet, camvid\); give --preset \(imagenet'):
        chosen(network='linknet')
    with pytest.raises(ConversionError, match='espnet'):
        chosen(network='lednet', labels=CAMVID)  # published for Cityscapes only


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'preset': 'resnet'}, "no preset 'resnet'; choose one of: imagenet"),
        ({'preset': 'imagenet'}, 'goes with any input size'),
        ({'size_hw': (0, 96)}, 'size_hw is 0 96'),
        ({'size_hw': (-1, 96)}, 'size_hw is -1 96'),
        ({'mean': (1.0, 0.0, 0.0)}, 'need std'),
        ({'scale': 0.1}, 'need std'),
        ({'channel_order': 'bgr'}, 'need std'),
        ({'std': (1.0, 1.0, 1.0), 'size_hw': (64, 96)}, 'give --channel-order'),
        ({'std': (1.0, 1.0, 1.0), 'channel_order': 'rgb'}, 'give --channel-order and --size-hw'),
        (
            {
                'mean': (0.5, 0.4, 0.3), 'std': (0.2, 0.2, 0.1), 'channel_order': 'rgb',
                'size_hw': (64, 96),
            },
            'give --mean 127.5 102 76.5 --std 51 51 25.5',
        ),
    ],
)  # fmt: skip
def test_half_said_is_refused(options, message):
    with pytest.raises(ConversionError, match=message):
        chosen(own=OWN, **options)


def test_values_that_cannot_be_meant():
    options = {'channel_order': 'rgb', 'size_hw': (64, 96)}
    with pytest.raises(ModelFileError, match='std above 0'):
        chosen(std=(1.0, 0.0, 1.0), **options)


def test_presets_say_who_used_them():
    for name, preset in PRESETS.items():
        assert preset.source
        assert preset.channel_order in ('rgb', 'bgr')
        size = preset.size_hw or (64, 96)
        assert preprocessing_from_preset(name, size).size_hw == size
