# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters and operations of every network, beside the figures of the papers."""

from dataclasses import dataclass
from typing import Any

import torch

from rtseg_ros.networks.network import multiply_accumulates, parameter_count
from rtseg_ros.networks.papers import NetworkFacts
from rtseg_ros.networks.zoo import create_network, list_networks, network_facts


@dataclass(frozen=True)
class NetworkCosts:
    """One network, counted.

    Attributes:
        name: In the zoo.
        facts: What its paper says of it.
        parameters: Number of learned values.
        size_hw: Height and width of the input in pixels.
        gmacs: 10^9 multiply-accumulates of one image of that size.
        gmacs_at_published_size: Of one image of the paper's size; None if it gives no figure.
    """

    name: str
    facts: NetworkFacts
    parameters: int
    size_hw: tuple[int, int]
    gmacs: float
    gmacs_at_published_size: float | None

    @property
    def parameters_difference(self) -> float | None:
        """Ours relative to the paper's, 0.01 for one percent more."""
        return _difference(self.parameters, self.facts.published_parameters)

    @property
    def published_gmacs(self) -> float | None:
        """The paper's figure, if it says at which size."""
        at_a_size = self.facts.published_size_hw is not None
        macs = self.facts.published_macs
        return macs / 1e9 if macs is not None and at_a_size else None

    @property
    def gmacs_difference(self) -> float | None:
        """Ours at the paper's size relative to the paper's, 0.01 for one percent more."""
        ours = self.gmacs_at_published_size
        return None if ours is None else _difference(ours, self.published_gmacs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types."""
        facts = self.facts
        return {
            'name': self.name,
            'classes': facts.classes,
            'parameters': self.parameters,
            'published_parameters': facts.published_parameters,
            'parameters_difference': self.parameters_difference,
            'size_hw': list(self.size_hw),
            'gmacs': self.gmacs,
            'published_gmacs': self.published_gmacs,
            'published_size_hw': facts.published_size_hw,
            'gmacs_at_published_size': self.gmacs_at_published_size,
            'gmacs_difference': self.gmacs_difference,
            **{key: getattr(facts, key) for key in ('paper', 'section', 'licence', 'note')},
            'encoder': facts.encoder,
            'stride': facts.stride,
        }


def network_costs(size_hw: tuple[int, int] | None = None) -> list[NetworkCosts]:
    """Count every network of the zoo.

    Args:
        size_hw: Height and width of the input in pixels; None for that of each paper.

    Raises:
        NetworkError: If the size is too small for a network.
    """
    return [_costs(name, size_hw) for name in list_networks()]


def _costs(name: str, size_hw: tuple[int, int] | None) -> NetworkCosts:
    facts = network_facts(name)
    with torch.device('meta'):  # shapes only, also for the 134M parameters of VGG-16
        network = create_network(name, facts.classes)
    size = size_hw or facts.default_size_hw
    gmacs = multiply_accumulates(network, size) / 1e9
    published = None
    if facts.published_macs is not None and facts.published_size_hw is not None:
        at_size = facts.published_size_hw
        published = gmacs if at_size == size else multiply_accumulates(network, at_size) / 1e9
    return NetworkCosts(name, facts, parameter_count(network), size, gmacs, published)


def _difference(ours: float, published: float | None) -> float | None:
    return None if published is None else ours / published - 1
