# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""TensorRT: build a plan, keep it, run it, from 8.6 to 11 and TensorRT-RTX."""
