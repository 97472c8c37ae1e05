"""Start a run from the weights of another one."""

from collections.abc import Mapping

from torch import Tensor, nn

from rtseg_ros.errors import TrainingError

# Fewer tensors than this share means another network, not another number of classes.
_FITTING = 0.5


def start_from(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Take over every tensor that fits by name and shape.

    Args:
        network: Changed in place; what does not fit keeps its fresh weights.
        weights: Of the same network, trained for the same or for other classes.

    Returns:
        Names of the network's tensors that were not taken over.

    Raises:
        TrainingError: If less than half of the network's tensors fit; nothing is changed.
    """
    own = network.state_dict()
    fitting = {
        name: weights[name]
        for name, value in own.items()
        if name in weights and weights[name].shape == value.shape
    }
    if len(fitting) < _FITTING * len(own):
        raise TrainingError(
            f'only {len(fitting)} of the {len(own)} tensors of the network fit; '
            'start from a checkpoint of the same network'
        )
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]
