# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rewrites of an ONNX graph: faster operators, folded norms, half and eight-bit numbers."""
