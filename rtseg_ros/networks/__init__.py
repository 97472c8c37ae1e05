# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The networks of nine papers, in torch."""

from rtseg_ros.networks.zoo import create_network, list_networks

__all__ = ['create_network', 'list_networks']
