"""The networks of nine papers, in torch."""

from rtseg_ros.networks.zoo import create_network, list_networks

__all__ = ['create_network', 'list_networks']
