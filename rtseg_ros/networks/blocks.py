"""Small operations that several papers share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def size_hw(x: Tensor) -> tuple[int, int]:
    """Height and width of (N, C, H, W) as plain numbers, constants in an exported graph."""
    return int(x.shape[2]), int(x.shape[3])


def resize_bilinear(x: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Interpolate (N, C, h, w) to size = (H, W)."""
    return F.interpolate(x, size=size, mode='bilinear', align_corners=align_corners)


def shuffle_channels(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of (N, C, H, W) out again: one of each group in turn."""
    batch, channels, height, width = (int(side) for side in x.shape)
    x = x.reshape(batch, groups, channels // groups, height, width).transpose(1, 2)
    return x.reshape(batch, channels, height, width)


def pool_to_grid(x: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Average-pool (N, C, H, W) to exactly grid_hw cells, as adaptive_avg_pool2d does.

    ONNX has no adaptive pooling for sizes that do not divide, so an exported graph gets the same
    averages as two products with constant matrices.
    """
    if not torch.onnx.is_in_onnx_export():
        return F.adaptive_avg_pool2d(x, grid_hw)
    height, width = size_hw(x)
    rows = _averaging_matrix(height, grid_hw[0]).to(x)  # (rows, H)
    columns = _averaging_matrix(width, grid_hw[1]).to(x)  # (columns, W)
    return torch.matmul(torch.matmul(rows, x), columns.t())


def _averaging_matrix(length: int, cells: int) -> Tensor:
    matrix = [[0.0] * length for _ in range(cells)]
    for cell in range(cells):
        start, end = cell * length // cells, -(-(cell + 1) * length // cells)
        matrix[cell][start:end] = [1 / (end - start)] * (end - start)
    return torch.tensor(matrix)  # made in one step: the exporter would record an assignment


def initialise_bilinear(module: nn.Module) -> None:
    """Let every transposed convolution of a module interpolate each channel bilinearly."""
    for part in module.modules():
        if isinstance(part, nn.ConvTranspose2d):
            size, step = part.kernel_size[0], part.stride[0]
            distance = (torch.arange(size) - (size - 1) / 2).abs()
            tent = (1 - distance / step).clamp(min=0)
            with torch.no_grad():
                part.weight.zero_()
                for channel in range(min(part.weight.shape[:2])):
                    part.weight[channel, channel] = tent[:, None] * tent[None, :]
