# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""VGG-16 (Simonyan and Zisserman, ICLR 2015, Table 1 D) as a fully convolutional encoder.

``features`` has torchvision's parameter names; ``fc6`` and ``fc7`` are the first two layers of
the classifier as convolutions, as in FCN-8s.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from rtseg_ros.networks.encoders.encoder import Encoder

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions
FC_CHANNELS = 4096


class VGG16(Encoder):
    """VGG-16 up to the last of the tapped layers.

    Args:
        taps: Which maps to return, in order: ``conv1_1`` (after its ReLU) to ``conv5_3``,
            ``pool1`` to ``pool5``, ``fc7``.
        dilation: Dilation of block 5; above 1 the poolings around it are left out.
    """

    fitting_weights = "torchvision's vgg16"

    def __init__(self, taps: Sequence[str], *, dilation: int = 1) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.tap_of_position: dict[int, str] = {}
        facts: dict[str, tuple[int, int]] = {}
        layers: list[nn.Module] = []
        in_channels, reduction = 3, 1

        def mark(name: str) -> None:
            self.tap_of_position[len(layers) - 1] = name
            facts[name] = (in_channels, reduction)

        for block, (channels, count) in enumerate(BLOCKS, start=1):
            step = dilation if block == 5 else 1
            for i in range(1, count + 1):
                layers += [
                    nn.Conv2d(in_channels, channels, 3, padding=step, dilation=step),
                    nn.ReLU(),
                ]
                in_channels = channels
                mark(f'conv{block}_{i}')
            if dilation > 1 and block >= 4:
                layers.append(nn.Identity())
            else:
                layers.append(nn.MaxPool2d(2, 2))
                reduction *= 2
                mark(f'pool{block}')
        self.fc6 = self.fc7 = None
        if self.taps[-1] == 'fc7':
            self.fc6 = nn.Sequential(
                nn.Conv2d(in_channels, FC_CHANNELS, 7, padding=3), nn.ReLU(), nn.Dropout(0.5)
            )
            self.fc7 = nn.Sequential(
                nn.Conv2d(FC_CHANNELS, FC_CHANNELS, 1), nn.ReLU(), nn.Dropout(0.5)
            )
            facts['fc7'] = (FC_CHANNELS, reduction)
        else:
            last = max(p for p, name in self.tap_of_position.items() if name in self.taps)
            layers = layers[: last + 1]
        self.features = nn.Sequential(*layers)
        self.channels = tuple(facts[tap][0] for tap in self.taps)
        self.reductions = tuple(facts[tap][1] for tap in self.taps)

    def own_names(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Turn torchvision's first two linear layers into convolutions, leave the third out."""
        renamed = {}
        for key, value in weights.items():
            if not key.startswith('classifier.'):
                renamed[key] = value
            elif self.fc6 is not None and key.startswith(('classifier.0.', 'classifier.3.')):
                name = 'fc6' if key.startswith('classifier.0.') else 'fc7'
                kernel = 7 if name == 'fc6' else 1
                if value.ndim == 2:
                    value = value.reshape(value.shape[0], -1, kernel, kernel)
                renamed[f'{name}.0.{key.rpartition(".")[2]}'] = value
        return renamed

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the tapped maps of (N, 3, H, W), finest first."""
        maps, x = [], image
        for position, layer in enumerate(self.features):
            x = layer(x)
            if self.tap_of_position.get(position) in self.taps:
                maps.append(x)
        if self.fc6 is not None and self.fc7 is not None:
            maps.append(self.fc7(self.fc6(x)))
        return maps
