# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Key layouts of checkpoints: ours, and those that the papers' authors published."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
import re

import torch
from torch import Tensor

from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.networks.espnet import ESPNet
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.networks.swiftnet_sum import SwiftNetSum
from rtseg_ros.networks.zoo import SIZES, create_network, list_networks
from rtseg_ros.runtime.preprocess import Triple

Weights = Mapping[str, Tensor]
# Pattern and replacement; the first pattern that matches renames the key, None drops it.
Rules = Sequence[tuple[str, str | Callable[[re.Match[str]], str] | None]]


def _unchanged(weights: Weights) -> dict[str, Tensor]:
    return dict(weights)


@dataclass(frozen=True)
class Layout:
    """One way to name the weights of one network.

    Attributes:
        network: Name in the zoo.
        title: Who writes checkpoints like this.
        build: Makes the network for a number of outputs.
        rename: From the keys of the file to those of the network; a key that it does not know
            stays, so that errors show it.
        preset: Preprocessing these authors trained with, by label set (see presets.py).
        ignored_output: Which output they train for ignored pixels where there is one more than
            classes: 0 for the first, -1 for the last.
        caution: What to know before their weights are used with a label set, by its name.
    """

    network: str
    title: str
    build: Callable[[int], SegmentationNetwork]
    rename: Callable[[Weights], dict[str, Tensor]] = _unchanged
    preset: Mapping[str, str] | None = None
    ignored_output: int = -1
    caution: Mapping[str, str] = field(default_factory=dict)


def layouts_of(network: str) -> tuple[Layout, ...]:
    """Return the layouts of a network, our own keys first."""
    own = Layout(
        network,
        'rtseg_ros',
        lambda outputs: create_network(network, outputs),
        preset=_OWN_IS_PUBLISHED.get(network),
    )
    return (own, *(layout for layout in _published() if layout.network == network))


def stored_normalisation(weights: Weights) -> tuple[Triple, Triple] | None:
    """Return mean and std on 0..255 RGB that SwiftNet's authors keep among the weights."""
    mean, std = weights.get('backbone.img_mean'), weights.get('backbone.img_std')
    if mean is None or std is None or mean.numel() != 3 or std.numel() != 3:
        return None
    scale = weights.get('backbone.img_scale', torch.ones(1)).double()
    first, second = (mean.double() * scale).flatten(), (std.double() * scale).flatten()
    return _triple(first), _triple(second)


def _triple(values: Tensor) -> Triple:
    first, second, third = (round(value, 4) for value in values.tolist())  # they were float32
    return first, second, third


def _renamer(rules: Rules) -> Callable[[Weights], dict[str, Tensor]]:
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]

    def rename(weights: Weights) -> dict[str, Tensor]:
        renamed = {}
        for key, value in weights.items():
            for pattern, replacement in compiled:
                if pattern.match(key):
                    if replacement is not None:
                        renamed[pattern.sub(replacement, key, count=1)] = value
                    break
            else:
                renamed[key] = value
        return renamed

    return rename


def _shifted(text: str, offset: int) -> Callable[[re.Match[str]], str]:
    """Make a replacement that fills ``text`` with the first group plus an offset, and the rest."""
    return lambda found: text.format(int(found[1]) + offset, *found.groups()[1:])


# e-lab/pytorch-linknet, models/linknet.py: LinkNetBase (blockN) and LinkNet (torchvision trunk).
_LINKNET: Rules = (
    (r'(?:in_block\.0|conv1)\.', 'encoder.conv1.'),
    (r'(?:in_block\.1|bn1)\.', 'encoder.bn1.'),
    (r'encoder(\d)\.block(\d)\.', lambda m: f'encoder.layer{m[1]}.{int(m[2]) - 1}.'),
    (r'encoder(\d)\.(\d)\.', r'encoder.layer\1.\2.'),
    *(
        (rf'decoder(\d)\.{theirs}\.', lambda m, ours=ours: f'decoders.{4 - int(m[1])}.{ours}.')
        for theirs, ours in (
            (r'conv1\.0', 0), (r'conv1\.1', 1), (r'tp_conv\.0', 3), (r'tp_conv\.1', 4),
            (r'conv2\.0', 6), (r'conv2\.1', 7),
        )
    ),
    (r'tp_conv1\.0\.', 'head.0.'),
    (r'tp_conv1\.1\.', 'head.1.'),
    (r'conv2\.0\.', 'head.3.'),
    (r'conv2\.1\.', 'head.4.'),
    (r'tp_conv2\.', 'head.6.'),
)  # fmt: skip

# xiaoyufenfei/LEDNet, train/lednet.py; also saved with the unused encoder.output_conv.
_LEDNET: Rules = (
    (r'encoder\.output_conv\.', None),
    (r'encoder\.initial_block\.', 'trunk.0.'),
    *(
        (rf'encoder\.layers\.(\d+)\.{theirs}\.', _shifted(f'trunk.{{}}.{ours}.', 1))
        for theirs, ours in (
            ('conv3x1_1_l', 'left.0'), ('conv1x3_1_l', 'left.2'), ('bn1_l', 'left.3'),
            ('conv3x1_2_l', 'left.5'), ('conv1x3_2_l', 'left.7'), ('bn2_l', 'left.8'),
            ('conv1x3_1_r', 'right.0'), ('conv3x1_1_r', 'right.2'), ('bn1_r', 'right.3'),
            ('conv1x3_2_r', 'right.5'), ('conv3x1_2_r', 'right.7'), ('bn2_r', 'right.8'),
        )
    ),
    (r'encoder\.layers\.(\d+)\.(conv|bn)\.', _shifted('trunk.{}.{}.', 1)),
    *(
        (rf'decoder\.apn\.{theirs}\.conv\.(\d)\.', rf'decoder.{ours}.\1.')
        for theirs, ours in (
            (r'branch1\.1', 'context'), (r'mid\.0', 'middle'), ('down1', 'down1'),
            ('down2', 'down2'), (r'down3\.0', 'down3.0'), (r'down3\.1', 'down3.1'),
            ('conv2', 'level2'), ('conv1', 'level1'),
        )
    ),
)  # fmt: skip

# xiaoyufenfei/ESNet, model/ESNet.py. Layers 7 to 9 of the encoder are the parallel units.
_ESNET: Rules = (
    (r'encoder_output_conv\.', None),
    (r'encoder\.initial_block\.', 'trunk.0.'),
    (r'encoder\.layers\.([789])\.bn2\.', _shifted('trunk.{}.shared_bn.', 1)),
    *(
        rule
        for branch, dilation in enumerate((2, 5, 9))
        for rule in (
            (rf'encoder\.layers\.(\d)\.conv3x1_2{dilation}\.',
             _shifted(f'trunk.{{}}.branches.{branch}.0.', 1)),
            (rf'encoder\.layers\.(\d)\.conv1x3_2{dilation}\.',
             _shifted(f'trunk.{{}}.branches.{branch}.2.', 1)),
        )
    ),
    *(
        rule
        for theirs, ours in (
            ('conv3x1_1', 'conv1.0'), ('conv1x3_1', 'conv1.2'),
            ('conv3x1_2', 'conv2.0'), ('conv1x3_2', 'conv2.2'),
        )
        for rule in (
            (rf'encoder\.layers\.(\d)\.{theirs}\.', _shifted(f'trunk.{{}}.{ours}.', 1)),
            (rf'decoder\.layers\.(\d)\.{theirs}\.', rf'decoder.\1.{ours}.'),
        )
    ),
    (r'encoder\.layers\.(\d)\.', _shifted('trunk.{}.', 1)),
    (r'decoder\.layers\.(\d)\.conv\.', r'decoder.\1.0.'),
    (r'decoder\.layers\.(\d)\.bn\.', r'decoder.\1.1.'),
    (r'decoder\.layers\.(\d)\.', r'decoder.\1.'),
    (r'decoder\.output_conv\.', 'decoder.6.'),
)  # fmt: skip

# orsic/swiftnet, models/resnet/resnet_single_scale.py and models/semseg.py.
_SWIFTNET: Rules = (
    (r'backbone\.img_(mean|std|scale)$', None),
    (r'backbone\.spp\.spp\.spp_bn\.', 'spp.project.'),
    (r'backbone\.spp\.spp\.spp(\d)\.', r'spp.levels.\1.'),
    (r'backbone\.spp\.spp\.spp_fuse\.', 'spp.fuse.'),
    (r'backbone\.upsample\.', 'upsample.'),
    (r'backbone\.', 'encoder.'),
)

# The same repository, models/resnet/resnet_pyramid.py; before the rules above.
_SWIFTNET_SUM: Rules = (
    (r'backbone\.upsample_bottlenecks\.', 'bottlenecks.'),
    (r'backbone\.upsample_blends\.(\d)\.blend_conv\.', r'blends.\1.'),
    *_SWIFTNET,
)

# ydhongHIT/DDRNet, segmentation/DDRNet_23_slim.py; the head is one of training only.
_DDRNET: Rules = ((r'seghead_extra\.', None),)

# XuJiacong/PIDNet, models/pidnet.py; likewise.
_PIDNET: Rules = ((r'seghead_[pd]\.', None),)
# Its datasets/camvid.py.
_PIDNET_CAMVID = (
    "PIDNet's authors number the classes of CamVid otherwise (Bicyclist, Building, Car, Pole, "
    'Fence, Pedestrian, Road, Pavement, SignSymbol, Sky, Tree): if these are their weights, give '
    'a label set in that order'
)

# zh320/realtime-semantic-segmentation-pytorch, models/ddrnet.py; likewise.
_COLLECTED_DDRNET: Rules = ((r'aux_head\.', None),)

_COLLECTED_PRESETS = {'cityscapes': 'zh320-cityscapes'}
_ESPNET_PRESETS = {'camvid': 'espnet-camvid', 'cityscapes': 'espnet-cityscapes'}
# Networks whose own keys are those of the authors, with what these trained with.
_OWN_IS_PUBLISHED = {
    **dict.fromkeys(('espnet', *SIZES['espnet']), _ESPNET_PRESETS),
    **dict.fromkeys(('espnetv2', *SIZES['espnetv2']), {'cityscapes': 'espnetv2-cityscapes'}),
    **{name: _COLLECTED_PRESETS for name in list_networks() if name.endswith('_zh320')},
}


def _with_torchvision_encoder(network: str) -> Callable[[Weights], dict[str, Tensor]]:
    """Make a renaming of encoder keys in any layout that torchvision ever had, the rest kept."""

    def rename(weights: Weights) -> dict[str, Tensor]:
        with torch.device('meta'):
            encoder = create_network(network, 1).get_submodule('encoder')
        assert isinstance(encoder, Encoder)
        prefix = 'encoder.'
        inner = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        renamed = {f'{prefix}{key}': value for key, value in encoder.own_names(inner).items()}
        return renamed | {k: v for k, v in weights.items() if not k.startswith(prefix)}

    return rename


def _published() -> tuple[Layout, ...]:
    def zoo(network: str) -> Callable[[int], SegmentationNetwork]:
        return lambda outputs: create_network(network, outputs)

    lednet_presets = {'cityscapes': 'lednet-cityscapes'}
    return (
        Layout('linknet', 'pytorch-linknet', zoo('linknet'), _renamer(_LINKNET), ignored_output=0),
        Layout('lednet', 'LEDNet', zoo('lednet'), _renamer(_LEDNET), lednet_presets),
        Layout('esnet', 'ESNet', zoo('esnet'), _renamer(_ESNET)),
        Layout(
            'espnet',
            'earlier ESPNet',
            lambda outputs: ESPNet(outputs, early_revision=True),
            preset=_ESPNET_PRESETS,
        ),
        Layout('swiftnet_rn18', 'SwiftNet', zoo('swiftnet_rn18'), _renamer(_SWIFTNET)),
        Layout('swiftnet_rn18_pyr', 'SwiftNet (2021)', SwiftNetSum, _renamer(_SWIFTNET_SUM)),
        Layout(
            'ddrnet23_slim',
            'DDRNet',
            zoo('ddrnet23_slim'),
            _renamer(_DDRNET),
            {'cityscapes': 'ddrnet-cityscapes'},
        ),
        Layout(
            'pidnet_s',
            'PIDNet',
            zoo('pidnet_s'),
            _renamer(_PIDNET),
            {'cityscapes': 'pidnet-cityscapes'},
            caution={'camvid': _PIDNET_CAMVID},
        ),
        Layout(
            'ddrnet23_slim_zh320',
            "zh320's collection",
            zoo('ddrnet23_slim_zh320'),
            _renamer(_COLLECTED_DDRNET),
            _COLLECTED_PRESETS,
        ),
        *(
            Layout(name, 'torchvision encoder', zoo(name), _with_torchvision_encoder(name))
            for name in list_networks()
            if name.split('_')[-1] in ('mnv2', 'vgg16')
        ),
    )
