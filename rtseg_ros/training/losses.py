"""Pixel losses and class weights."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def enet_class_weights(shares: np.ndarray, *, power: float = 1.0) -> np.ndarray:
    """1 / ln(1.02 + p) (ENet, section 5.2) to a power, scaled so that the mean pixel weighs 1."""
    weights = (1 / np.log(1.02 + shares)) ** power
    return np.asarray(weights / (weights * shares).sum())


def pixel_loss(
    logits: Tensor, labels: Tensor, *, kind: str, weights: Tensor | None, ignore_id: int
) -> Tensor:
    """Mean loss over the labelled pixels.

    Args:
        logits: (N, K, H, W) float32.
        labels: (N, H, W) int64.
        kind: ``cross_entropy``, or ``ohem``: only pixels whose true class has a probability
            below 0.7, at least a quarter of all (OHEM, Shrivastava et al., CVPR 2016).
        weights: (K,) float32 class weights, or None.
        ignore_id: Label of pixels that do not count.
    """
    loss = F.cross_entropy(
        logits, labels, weight=weights, ignore_index=ignore_id, reduction='none'
    )
    valid = labels != ignore_id
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
        return loss[valid].sum() / valid.sum().clamp(min=1)
    total = (weights[labels.clamp(max=len(weights) - 1)] * valid).sum()
    return (loss * valid).sum() / total.clamp(min=1e-6)
