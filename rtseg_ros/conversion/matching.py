# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fit the weights of a checkpoint to a network, or say exactly what does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch

from rtseg_ros.conversion.checkpoint import Checkpoint
from rtseg_ros.conversion.checkpoints.choosing import is_averaged
from rtseg_ros.conversion.checkpoints.views import View, views
from rtseg_ros.conversion.key_layouts import Layout, Weights, layouts_of
from rtseg_ros.errors import CheckpointError
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.networks.zoo import SIZES, list_networks

# Keys named in a message before the rest is only counted.
_SHOWN = 5
# Share of the keys that must fit before a network is named as a guess.
_LOOKS_LIKE = 0.6


@dataclass(frozen=True)
class Match:
    """How the keys of a checkpoint compare with those of a network.

    Attributes:
        layout: The layout that was tried.
        view: Which of the keys were tried, without what stands before them.
        outputs: Outputs of the network that was tried.
        fitting: Number of keys that fit.
        missing: Keys that the network has and the file has not.
        unexpected: Keys that the file has and the network has not.
        misshapen: One text per key whose shapes differ, with both shapes.
        other_sizes: Sizes that the file has where the network has ``outputs``.
    """

    layout: Layout
    view: View
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
        network: Name in the zoo; that of a family also means its other depths or widths.
        outputs: Numbers of outputs that can be meant, the most likely first.

    Returns:
        The network in eval mode, and the match that says which keys, layout and how many outputs.

    Raises:
        CheckpointError: If nothing fits, or several things do; says what, and what the file
            looks like.
    """
    whole, *groups = views(checkpoint.weights)
    tries = _tries(whole, network, outputs)
    best = min(tries, key=lambda attempt: attempt.faults)
    if best.faults:
        names = (network, *SIZES.get(network, ()))
        tries = [
            attempt
            for view in (whole, *groups)
            for name in names
            for attempt in _tries(view, name, outputs)
        ]
        fitting = [attempt for attempt in tries if not attempt.faults]
        if not fitting:
            best = min(tries, key=lambda attempt: attempt.faults)
            raise CheckpointError(_misfit(checkpoint, tries, best, outputs))
        best = _choice(checkpoint, fitting)
    built = best.layout.build(best.outputs)
    weights = _comparable(best.layout.rename(best.view.weights))
    _check_types(checkpoint, built, weights)
    # strict=False only lets the counters of batches be absent: all other keys were compared.
    built.load_state_dict(weights, strict=False)
    return built.eval(), best


def _tries(view: View, network: str, outputs: Sequence[int]) -> list[Match]:
    return [match(layout, view, number) for layout in layouts_of(network) for number in outputs]


def _choice(checkpoint: Checkpoint, fitting: Sequence[Match]) -> Match:
    """Return the only match, or that of the averaged weights where several groups fit."""
    prefixes = {attempt.view.prefix: attempt for attempt in reversed(fitting)}
    averaged = [prefix for prefix in prefixes if any(map(is_averaged, prefix.split('.')))]
    if len(prefixes) > 1 and len(averaged) != 1:
        names = ' and '.join(f"'{prefix}'" for prefix in sorted(prefixes))
        raise CheckpointError(
            f"'{checkpoint.path}' holds weights of {fitting[0].layout.network} below {names}; "
            'say with --weights-prefix which are meant'
        )
    chosen = averaged[0] if averaged else next(iter(prefixes))
    best = prefixes[chosen]
    if len(prefixes) == 1:
        return best
    others = ', '.join(sorted(prefix for prefix in prefixes if prefix != chosen))
    why = f'which are averaged weights; --weights-prefix {others} takes the others'
    return replace(best, view=replace(best.view, why=why))


def _check_types(checkpoint: Checkpoint, built: SegmentationNetwork, weights: Weights) -> None:
    """Refuse whole numbers where the network computes with others: a copy would cast them."""
    for key, value in built.state_dict().items():
        given = weights.get(key, value)
        if value.is_floating_point() and not given.is_floating_point():
            kind = str(given.dtype).removeprefix('torch.')
            raise CheckpointError(
                f"'{checkpoint.path}': {key} is {kind}, and the network's weights are floats: "
                'quantised weights mean nothing without their scales; give the checkpoint from '
                'before the quantisation (--precision int8 quantises)'
            )


def match(layout: Layout, view: View, outputs: int) -> Match:
    """Compare the keys and shapes of a checkpoint with those of a network."""
    own = _own_shapes(layout.network, layout.title, outputs)
    theirs = _comparable(layout.rename(view.weights))
    shapes = {key: (tuple(theirs[key].shape), own[key]) for key in own if key in theirs}
    wrong = {key: pair for key, pair in shapes.items() if pair[0] != pair[1]}
    return Match(
        layout=layout,
        view=view,
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
    """Return the best match over networks, layouts and groups of keys; None if none is near."""
    best = None
    for view in views(weights):
        found = _guess(view, outputs)
        if found is not None and (best is None or found.faults < best.faults):
            best = found
        if best is not None and not best.faults:
            break
    return best


def _guess(view: View, outputs: int) -> Match | None:
    tries = []
    for name in list_networks():
        for attempt in _tries(view, name, (outputs,)):
            if not attempt.faults:  # all keys of both: none can fit better
                return attempt
            tries.append(attempt)
    tries.sort(key=lambda attempt: (attempt.faults, -attempt.fitting))
    near = tries[0].fitting > _LOOKS_LIKE * len(view.weights)
    return _with_right_outputs(tries) or (tries[0] if near else None)


@cache
def _own_shapes(network: str, title: str, outputs: int) -> Mapping[str, tuple[int, ...]]:
    layout = next(item for item in layouts_of(network) if item.title == title)
    with torch.device('meta'):
        weights = _comparable(layout.build(outputs).state_dict())
    return {key: tuple(value.shape) for key, value in weights.items()}


def _comparable(weights: Weights) -> dict[str, torch.Tensor]:
    """Leave out the counters of batches, which old files lack and inference ignores."""
    return {key: w for key, w in weights.items() if not key.endswith('num_batches_tracked')}


def _with_right_outputs(tries: Sequence[Match]) -> Match | None:
    """Return the exact match that differs from one of them only in the number of outputs."""
    for near in tries:
        if not near.faults:
            return near
        if near.missing or near.unexpected:
            continue
        for number in sorted(size for size in near.other_sizes if 1 <= size <= 255):
            exact = match(near.layout, near.view, number)
            if not exact.faults:
                return exact
    return None


def looks_like(checkpoint: Checkpoint, outputs: int) -> str:
    """Say which network the keys of a checkpoint resemble, as advice."""
    return _resemblance(guess(checkpoint.weights, outputs))


def _resemblance(likely: Match | None) -> str:
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
    exact = _with_right_outputs(tries)
    if exact is not None:
        expected = ' or '.join(str(number) for number in outputs)
        return (
            f"'{checkpoint.path}' holds {exact.layout.network} with {exact.outputs} outputs; the "
            f'label set needs {expected} (its classes, or one more with an unlabelled output): '
            'give the label set that it was trained with'
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
    hint = f'The other {best.fitting} keys fit: it is a changed {network}'
    likely = guess(checkpoint.weights, outputs[0])
    if not near or (likely is not None and not likely.faults):
        hint = _resemblance(likely)
    elif not best.missing and not best.misshapen:
        hint += f'. If the rest is of no use: --ignore-keys {_patterns(best)}'
    return (
        f"'{checkpoint.path}' does not fit {network} with {best.outputs} outputs; keys "
        f'{"; ".join(faults)}. {hint}'
    )


def _patterns(best: Match) -> str:
    """Return what --ignore-keys would have to be for a match with nothing but unexpected keys."""
    own = {key.split('.')[0] for key in _own_shapes(
        best.layout.network, best.layout.title, best.outputs
    )}  # fmt: skip
    patterns = []
    for key in best.unexpected:
        top = key.split('.')[0]
        pattern = f'{best.view.prefix}{key if top in own or top == key else f"{top}.*"}'
        if pattern not in patterns:
            patterns.append(pattern)
    shown = patterns if len(patterns) <= _SHOWN else patterns[: _SHOWN - 1] + ['...']
    return "'" + ','.join(shown) + "'"
