# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pixel losses and class weights."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rtseg_ros.training.processes import ALONE, Processes

LOVASZ_PIXELS = 1 << 17


def enet_class_weights(shares: np.ndarray, *, power: float = 1.0) -> np.ndarray:
    """1 / ln(1.02 + p) (ENet, section 5.2) to a power, scaled so that the mean pixel weighs 1."""
    weights = (1 / np.log(1.02 + shares)) ** power
    return np.asarray(weights / (weights * shares).sum())


def pixel_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    kind: str,
    weights: Tensor | None,
    ignore_id: int,
    processes: Processes = ALONE,
) -> Tensor:
    """Mean loss over the labelled pixels.

    In several processes the mean of what they return is the loss, for so gradients are put
    together: what the sum of the pixels is divided by is counted over all of them. OHEM chooses
    its pixels and Lovasz sorts them within each process.

    Args:
        logits: (N, K, H, W) float32.
        labels: (N, H, W) int64.
        kind: ``cross_entropy``; ``ohem``: only pixels whose true class has a probability
            below 0.7, at least a quarter of all (OHEM, Shrivastava et al., CVPR 2016); or
            ``lovasz``: cross entropy plus the Lovasz-Softmax loss.
        weights: (K,) float32 class weights, or None.
        ignore_id: Label of pixels that do not count.
        processes: That share the batch.
    """
    loss = F.cross_entropy(
        logits, labels, weight=weights, ignore_index=ignore_id, reduction='none'
    )
    valid = labels != ignore_id
    extra = lovasz_softmax(logits, labels, valid) if kind == 'lovasz' else 0.0
    if kind == 'ohem':
        with torch.no_grad():
            plain = F.cross_entropy(logits, labels, ignore_index=ignore_id, reduction='none')
            hard = plain[valid]
            keep = max(int(hard.numel() // 4), 1)
            threshold = -float(np.log(0.7))
            if hard.numel():
                threshold = min(threshold, float(hard.topk(keep).values[-1]))
            valid = valid & (plain >= threshold)
    if weights is None:
        pixels = processes.sum(valid.sum())
        return processes.count * loss[valid].sum() / pixels.clamp(min=1) + extra
    total = (weights[labels.clamp(max=len(weights) - 1)] * valid).sum()
    total = processes.sum(total)
    return processes.count * (loss * valid).sum() / total.clamp(min=1e-6) + extra


def lovasz_softmax(
    logits: Tensor, labels: Tensor, valid: Tensor, *, sample: int = LOVASZ_PIXELS
) -> Tensor:
    """Mean over the present classes of a convex stand-in for 1 - IoU (Berman et al., CVPR 2018).

    Args:
        logits: (N, K, H, W) float32.
        labels: (N, H, W) int64.
        valid: (N, H, W) bool, the pixels that count.
        sample: Pixels drawn at most: sorting all of a batch costs more than the network does.
    """
    scores = logits.movedim(1, -1)[valid]  # (P, K)
    truth = labels[valid]
    if len(truth) > sample:
        drawn = torch.randint(len(truth), (sample,), device=truth.device)
        scores, truth = scores[drawn], truth[drawn]
    shares = scores.softmax(dim=1)
    losses = []
    for label in truth.unique():
        mine = (truth == label).float()
        errors, order = (mine - shares[:, label]).abs().sort(descending=True)
        mine = mine[order]
        missed = mine.sum() - mine.cumsum(0)
        jaccard = 1 - missed / (missed + (1 - mine).cumsum(0) + mine.cumsum(0))
        losses.append(errors @ jaccard.diff(prepend=jaccard.new_zeros(1)))
    return torch.stack(losses).mean() if losses else logits.sum() * 0
