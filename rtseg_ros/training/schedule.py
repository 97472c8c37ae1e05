# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The learning rate over a run: warm-up, schedule, and the legs of a run that was extended."""

from collections.abc import Sequence
from dataclasses import dataclass
import math

from rtseg_ros.training.recipe import Recipe

# Every leg after the first starts at the recipe's rate divided by this.
RESTART = 3


@dataclass(frozen=True)
class Leg:
    """A part of a run with a schedule of its own, from the end of the leg before.

    Attributes:
        until_epoch: The last epoch of the leg, counted from the start of the run.
        learning_rate: Of the decoder, which the leg's schedule starts from.
    """

    until_epoch: int
    learning_rate: float


def first_leg(recipe: Recipe) -> Leg:
    """Return the only leg of a run that was not extended."""
    return Leg(recipe.epochs, recipe.learning_rate)


def extended(legs: Sequence[Leg], recipe: Recipe) -> tuple[Leg, ...]:
    """Add the leg up to the recipe's epochs, which are more than those of the legs so far."""
    return (*legs, Leg(recipe.epochs, recipe.learning_rate / RESTART))


def rate_factor(recipe: Recipe, legs: Sequence[Leg], step: int, steps_per_epoch: int) -> float:
    """Return the rate of a step of the run, relative to the recipe's.

    The first leg follows the recipe; every later one falls from a third of its rate to 0 as a
    cosine, without a warm-up.

    Args:
        recipe: Of the run.
        legs: In their order.
        step: Counted from 0 over the whole run.
        steps_per_epoch: How many steps an epoch has.
    """
    ends = [leg.until_epoch * steps_per_epoch for leg in legs]
    number = next(i for i, end in enumerate(ends) if step < end)
    start = ends[number - 1] if number else 0
    done = (step - start) / (ends[number] - start)
    if number:
        return legs[number].learning_rate / recipe.learning_rate * _cosine(done)
    floor = recipe.final_learning_rate / recipe.learning_rate
    factor = {
        'cosine': floor + (1 - floor) * _cosine(done),
        'poly': floor + (1 - floor) * (1 - done) ** 0.9,
        'constant': 1.0,
    }[recipe.schedule]
    return factor * min(1.0, (step + 1) / recipe.warmup_steps) if recipe.warmup_steps else factor


def _cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2
