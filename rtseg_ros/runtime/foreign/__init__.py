# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What .onnx files of others say of themselves, and what lies beside them says of them."""
