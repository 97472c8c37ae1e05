# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a checkpoint is of the run that is asked for, and which setting differs if not."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from rtseg_ros.errors import TrainingError
from rtseg_ros.training.checkpoint import TrainingCheckpoint
from rtseg_ros.training.recipe import Recipe
from rtseg_ros.training.schedule import Leg, extended

_NAMES = {
    'network': 'the network',
    'seed': 'the seed',
    'data_hash': 'the fingerprint of the training data',
    'starts_from': 'the file that it starts from',
}


@dataclass(frozen=True)
class RunIdentity:
    """What must be the same for a run to go on bit for bit; fields as of TrainingCheckpoint."""

    network: str
    recipe: Recipe
    seed: int
    data_hash: str
    starts_from: str


def legs_to_go(path: Path, found: TrainingCheckpoint, wanted: RunIdentity) -> tuple[Leg, ...]:
    """Return the legs of the run that continues a checkpoint; more epochs are one leg more.

    Args:
        path: Of the checkpoint, for messages.
        found: What is there.
        wanted: What is asked for.

    Raises:
        TrainingError: Naming each setting that differs, in one line.
    """
    epochs = wanted.recipe.epochs
    longer = epochs > found.recipe.epochs
    recipe = replace(found.recipe, epochs=epochs) if longer else found.recipe
    pairs = [(said, getattr(found, name), getattr(wanted, name)) for name, said in _NAMES.items()]
    if recipe.source != wanted.recipe.source:
        pairs.append(('the recipe', recipe.source, wanted.recipe.source))
    else:
        pairs += [
            (field.name, getattr(recipe, field.name), getattr(wanted.recipe, field.name))
            for field in fields(Recipe)
        ]
    differing = [
        f'{name} was {there!r} and is {here!r} now' for name, there, here in pairs if there != here
    ]
    if differing:
        raise TrainingError(
            f'{path} cannot be continued: {"; ".join(differing)}; give what was, or another '
            'output folder'
        )
    return extended(found.legs, wanted.recipe) if longer else found.legs
