"""Key layouts of checkpoints: ours, and those that the papers' authors published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.networks.zoo import create_network

Weights = Mapping[str, Tensor]


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
    """

    network: str
    title: str
    build: Callable[[int], SegmentationNetwork]
    rename: Callable[[Weights], dict[str, Tensor]] = _unchanged


def layouts_of(network: str) -> tuple[Layout, ...]:
    """Return the layouts of a network, our own first."""
    own = Layout(network, 'rtseg_ros', lambda outputs: create_network(network, outputs))
    return (own, *(layout for layout in PUBLISHED if layout.network == network))


PUBLISHED: tuple[Layout, ...] = ()
