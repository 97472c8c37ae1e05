# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a network in training says of a frame: no engine, no conversion."""

import cv2
import numpy as np
import torch
from torch import nn

from rtseg_ros.runtime.preprocess import Preprocessing, image_from_frame


@torch.no_grad()
def label_frame(
    network: nn.Module,
    frame: np.ndarray,
    preprocessing: Preprocessing,
    *,
    device: torch.device | str = 'cpu',
) -> np.ndarray:
    """Return (H, W) uint8 class ids of a (H, W, 3) uint8 BGR frame, of the frame's size.

    Args:
        network: In evaluation mode, on the device.
        frame: Resized to the network's size; the labels are resized back to the nearest.
        preprocessing: Of the network.
        device: Where the network is.
    """
    image = torch.from_numpy(image_from_frame(frame, preprocessing))
    logits = network(image.to(device, memory_format=torch.channels_last)).float()
    labels = logits.argmax(dim=1)[0].to('cpu', torch.uint8).numpy()
    if labels.shape != frame.shape[:2]:
        labels = cv2.resize(labels, frame.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return labels
