# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The optimizer of a recipe; a trained encoder moves more slowly than the rest."""

import torch
from torch import nn

from rtseg_ros.errors import TrainingError
from rtseg_ros.networks.encoders.encoder import Encoder
from rtseg_ros.training.recipe import Recipe


def create_optimizer(
    network: nn.Module, recipe: Recipe, *, pretrained: bool
) -> torch.optim.Optimizer:
    """Return the optimizer of a network's weights.

    Args:
        network: On the device.
        recipe: Says which one, its rates and its decay.
        pretrained: Whether the encoder's weights are trained already.

    Raises:
        TrainingError: If the recipe names another optimizer than these.
    """
    encoders = [part for part in network.modules() if isinstance(part, Encoder)]
    encoder_ids = {id(p) for part in encoders for p in part.parameters()} if pretrained else set()
    groups = []
    for is_encoder, factor in ((False, 1.0), (True, recipe.encoder_factor)):
        parameters = [p for p in network.parameters() if (id(p) in encoder_ids) == is_encoder]
        if parameters:
            groups.append(
                {
                    'params': parameters,
                    'lr': recipe.learning_rate * factor,
                    'weight_decay': recipe.weight_decay * factor,
                }
            )
    if recipe.optimizer == 'adam':
        return torch.optim.Adam(groups, betas=(recipe.momentum, 0.999))
    if recipe.optimizer == 'adamw':
        return torch.optim.AdamW(groups, betas=(recipe.momentum, 0.999))
    if recipe.optimizer == 'rmsprop':
        return torch.optim.RMSprop(groups, momentum=recipe.momentum)
    if recipe.optimizer == 'sgd':
        return torch.optim.SGD(groups, momentum=recipe.momentum)
    raise TrainingError(f"optimizer '{recipe.optimizer}' is not adam, adamw, rmsprop or sgd")
