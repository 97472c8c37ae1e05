# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Let ONNX Runtime's CPU kernels run an int8 model fast.

A model file holds signed activations with zero zero-points, the only kind that every TensorRT
takes. CPU kernels fuse an activation function into a convolution only where the quantised zero
is the smallest number, which takes unsigned ones. Both mean the same values.
"""

from rtseg_ros.runtime import onnx_wire as wire

# Names of the scale and zero-point of an activation that the converter quantised, e.g.
# ``int8/relu_3/scale``; of one that is never negative ``int8+/relu_3/scale``.
PREFIX, POSITIVE_PREFIX = 'int8/', 'int8+/'
SCALE, ZERO = '/scale', '/zero'


def with_unsigned_activations(content: bytes) -> bytes:
    """Return a model whose quantised activations are uint8.

    Signed values move up by 128. Values that are never negative get all 255 levels instead of
    127, for the same largest value.

    Args:
        content: A model file, or what ``ModelFile.logits_only`` returns; one without quantised
            activations comes back as it is.
    """
    return wire.with_initializers(content, _unsigned)


def _unsigned(name: str, tensor: memoryview) -> bytes | None:
    positive = name.startswith(POSITIVE_PREFIX)
    if not positive and not name.startswith(PREFIX):
        return None
    if name.endswith(ZERO):
        return wire.uint8_scalar(name, 0 if positive else 128)
    if positive and name.endswith(SCALE):
        return wire.scaled_scalar(tensor, 127 / 255)
    return None
