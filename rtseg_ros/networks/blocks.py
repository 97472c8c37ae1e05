# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Small operations that several papers share, exported to ONNX with all sizes as constants."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def size_hw(x: Tensor) -> tuple[int, int]:
    """Height and width of (N, C, H, W) as plain numbers, constants in an exported graph."""
    return int(x.shape[2]), int(x.shape[3])


def resize_bilinear(x: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    """Interpolate (N, C, h, w) to size = (H, W)."""
    if torch.onnx.is_in_onnx_export():
        return _OnnxResize.apply(x, size, 'bilinear', align_corners)
    return F.interpolate(x, size=size, mode='bilinear', align_corners=align_corners)


def resize_bicubic(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Interpolate (N, C, h, w) to size = (H, W), pixel centres aligned, without smoothing."""
    if torch.onnx.is_in_onnx_export():
        return _OnnxResize.apply(x, size, 'bicubic', False)
    return F.interpolate(x, size=size, mode='bicubic', align_corners=False)


def pad_bottom_right(x: Tensor, rows: int, columns: int) -> Tensor:
    """Append zeros: (N, C, H, W) -> (N, C, H + rows, W + columns)."""
    if torch.onnx.is_in_onnx_export():
        return _OnnxPad.apply(x, rows, columns)
    return F.pad(x, (0, columns, 0, rows))


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
    rows = []
    for cell in range(cells):
        start, end = cell * length // cells, -(-(cell + 1) * length // cells)
        rows.append([1 / (end - start) if start <= i < end else 0.0 for i in range(length)])
    return torch.tensor(rows)


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


class _OnnxResize(torch.autograd.Function):
    """Resize to constant sizes; torch's own export computes them in the graph."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, size: tuple[int, int], mode: str, align_corners: bool
    ) -> Tensor:
        return F.interpolate(x, size=size, mode=mode, align_corners=align_corners)

    @staticmethod
    def symbolic(g: Any, x: Any, size: tuple[int, int], mode: str, align_corners: bool) -> Any:
        shape = [*x.type().sizes()[:2], *size]
        absent = g.op('Constant', value_t=torch.tensor([], dtype=torch.float32))
        # Only this name keeps ONNX Runtime in its blocked layout; pytorch_half_pixel does not.
        transformation = 'align_corners' if align_corners else 'half_pixel'
        y = g.op(
            'Resize',
            x,
            absent,
            absent,
            g.op('Constant', value_t=torch.tensor(shape)),
            coordinate_transformation_mode_s=transformation,
            mode_s='linear' if mode == 'bilinear' else 'cubic',
            cubic_coeff_a_f=-0.75,
        )
        y.setType(x.type().with_sizes(shape))
        return y


class _OnnxPad(torch.autograd.Function):
    """Pad by constant amounts; torch's own export computes them in the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: int, columns: int) -> Tensor:
        return F.pad(x, (0, columns, 0, rows))

    @staticmethod
    def symbolic(g: Any, x: Any, rows: int, columns: int) -> Any:
        batch, channels, height, width = x.type().sizes()
        pads = g.op('Constant', value_t=torch.tensor([0, 0, 0, 0, 0, 0, rows, columns]))
        y = g.op('Pad', x, pads, mode_s='constant')
        y.setType(x.type().with_sizes([batch, channels, height + rows, width + columns]))
        return y
