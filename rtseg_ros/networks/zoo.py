"""The networks of this package by name."""

from collections.abc import Callable

from rtseg_ros.errors import NetworkError
from rtseg_ros.networks.encoders import MobileNetV2
from rtseg_ros.networks.esnet import ESNet
from rtseg_ros.networks.espnet import ESPNet
from rtseg_ros.networks.lednet import LEDNet
from rtseg_ros.networks.linknet import LinkNet
from rtseg_ros.networks.mobilenet import MobileNet
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.networks.skipnet import SkipNet
from rtseg_ros.networks.swiftnet import SwiftNet

BUILDERS: dict[str, Callable[[int], SegmentationNetwork]] = {
    'linknet': LinkNet,
    'linknet_nobypass': lambda num_classes: LinkNet(num_classes, bypass=False),
    'lednet': LEDNet,
    'esnet': ESNet,
    'espnet': ESPNet,
    'skipnet_mobilenet': lambda num_classes: SkipNet(
        MobileNet(('conv3_2', 'conv4_2', 'conv6_1')), num_classes, batch_norm=True
    ),
    'swiftnet_mnv2': lambda num_classes: SwiftNet(MobileNetV2(), num_classes),
}


def list_networks() -> tuple[str, ...]:
    """Names that ``create_network`` knows."""
    return tuple(BUILDERS)


def create_network(name: str, num_classes: int = 19) -> SegmentationNetwork:
    """Build a network with random weights.

    Args:
        name: One of ``list_networks()``.
        num_classes: Outputs of the last layer, 1 to 255.

    Returns:
        Module from (N, 3, H, W) normalised float to (N, num_classes, H, W) logits.

    Raises:
        NetworkError: If the name or the class count is not possible.
    """
    if name not in BUILDERS:
        raise NetworkError(f"no network named '{name}'; choose one of: {', '.join(BUILDERS)}")
    return BUILDERS[name](num_classes)
