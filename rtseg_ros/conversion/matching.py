"""Fit the weights of a checkpoint to a network, or say exactly what does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from rtseg_ros.conversion.checkpoint import Checkpoint
from rtseg_ros.conversion.key_layouts import Layout, Weights, layouts_of
from rtseg_ros.errors import CheckpointError
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.networks.zoo import list_networks

# Keys named in a message before the rest is only counted.
_SHOWN = 5
# Share of the keys that must fit before a network is named as a guess.
_LOOKS_LIKE = 0.6


@dataclass(frozen=True)
class Match:
    """How the keys of a checkpoint compare with those of a network.

    Attributes:
        layout: The layout that was tried.
        outputs: Outputs of the network that was tried.
        fitting: Number of keys that fit.
        missing: Keys that the network has and the file has not.
        unexpected: Keys that the file has and the network has not.
        misshapen: One text per key whose shapes differ, with both shapes.
        other_sizes: Sizes that the file has where the network has ``outputs``.
    """

    layout: Layout
    outputs: int
    fitting: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    other_sizes: frozenset[int]

    @property
    def faults(self) -> int:
        """Number of keys that do not fit; 0 if the weights can be loaded."""
        return len(self.missing) + len(self.unexpected) + len(self.misshapen)


def load_weights(
    checkpoint: Checkpoint, network: str, *, outputs: Sequence[int]
) -> tuple[SegmentationNetwork, Match]:
    """Build a network and load a checkpoint into it.

    Args:
        checkpoint: From ``read_checkpoint``.
        network: Name in the zoo.
        outputs: Numbers of outputs that can be meant, the most likely first.

    Returns:
        The network in eval mode, and the match that says which layout and how many outputs.

    Raises:
        CheckpointError: If nothing fits; says what, and what the file looks like.
    """
    tries = [
        match(layout, checkpoint.weights, number)
        for layout in layouts_of(network)
        for number in outputs
    ]
    best = min(tries, key=lambda attempt: attempt.faults)
    if best.faults:
        raise CheckpointError(_misfit(checkpoint, tries, best, outputs))
    built = best.layout.build(best.outputs)
    # strict=False only lets the counters of batches be absent: all other keys were compared.
    built.load_state_dict(_comparable(best.layout.rename(checkpoint.weights)), strict=False)
    return built.eval(), best


def match(layout: Layout, weights: Weights, outputs: int) -> Match:
    """Compare the keys and shapes of a checkpoint with those of a network."""
    own = _own_shapes(layout.network, layout.title, outputs)
    theirs = _comparable(layout.rename(weights))
    shapes = {key: (tuple(theirs[key].shape), own[key]) for key in own if key in theirs}
    wrong = {key: pair for key, pair in shapes.items() if pair[0] != pair[1]}
    return Match(
        layout=layout,
        outputs=outputs,
        fitting=len(shapes) - len(wrong),
        missing=tuple(key for key in own if key not in theirs),
        unexpected=tuple(key for key in theirs if key not in own),
        misshapen=tuple(
            f'{key} is {given} in the file and {expected} in the network'
            for key, (given, expected) in wrong.items()
        ),
        other_sizes=frozenset(
            size
            for given, expected in wrong.values()
            for size, own_size in zip(given, expected, strict=False)
            if own_size == outputs
        ),
    )


def guess(weights: Weights, outputs: int) -> Match | None:
    """Return the best match over all networks and layouts; None if nothing is near."""
    tries = [
        match(layout, weights, outputs) for name in list_networks() for layout in layouts_of(name)
    ]
    tries.sort(key=lambda attempt: (attempt.faults, -attempt.fitting))
    near = tries[0].fitting > _LOOKS_LIKE * len(weights)
    return _with_right_outputs(tries, weights) or (tries[0] if near else None)


@cache
def _own_shapes(network: str, title: str, outputs: int) -> Mapping[str, tuple[int, ...]]:
    layout = next(item for item in layouts_of(network) if item.title == title)
    with torch.device('meta'):
        weights = _comparable(layout.build(outputs).state_dict())
    return {key: tuple(value.shape) for key, value in weights.items()}


def _comparable(weights: Weights) -> dict[str, torch.Tensor]:
    """Leave out the counters of batches, which old files lack and inference ignores."""
    return {key: w for key, w in weights.items() if not key.endswith('num_batches_tracked')}


def _with_right_outputs(tries: Sequence[Match], weights: Weights) -> Match | None:
    """Return the exact match that differs from one of them only in the number of outputs."""
    for near in tries:
        if not near.faults:
            return near
        if near.missing or near.unexpected:
            continue
        for number in sorted(size for size in near.other_sizes if 1 <= size <= 255):
            exact = match(near.layout, weights, number)
            if not exact.faults:
                return exact
    return None


def looks_like(checkpoint: Checkpoint, outputs: int) -> str:
    """Say which network the keys of a checkpoint resemble, as advice."""
    likely = guess(checkpoint.weights, outputs)
    if likely is None:
        return 'Its keys resemble none of the networks here'
    certain = 'Its keys are those of' if not likely.faults else 'Its keys resemble'
    return (
        f'{certain} {likely.layout.network} with {likely.outputs} outputs '
        f'(as {likely.layout.title} writes them): try --network {likely.layout.network}'
    )


def _misfit(
    checkpoint: Checkpoint, tries: Sequence[Match], best: Match, outputs: Sequence[int]
) -> str:
    network = best.layout.network
    exact = _with_right_outputs(tries, checkpoint.weights)
    if exact is not None:
        expected = ' or '.join(str(number) for number in outputs)
        return (
            f"'{checkpoint.path}' holds {network} with {exact.outputs} outputs; the label set "
            f'needs {expected} (its classes, or one more with an unlabelled output): give the '
            'label set that it was trained with'
        )
    faults = [
        f'{len(keys)} {kind}: {", ".join(keys[:_SHOWN])}'
        + (f' and {len(keys) - _SHOWN} more' if len(keys) > _SHOWN else '')
        for kind, keys in (
            ('missing', best.missing),
            ('unexpected', best.unexpected),
            ('of another shape', best.misshapen),
        )
        if keys
    ]
    near = best.fitting > _LOOKS_LIKE * (best.fitting + best.faults)
    hint = (
        f'The other {best.fitting} keys fit: it is a changed {network}'
        if near
        else looks_like(checkpoint, outputs[0])
    )
    return (
        f"'{checkpoint.path}' does not fit {network} with {best.outputs} outputs; keys "
        f'{"; ".join(faults)}. {hint}'
    )
