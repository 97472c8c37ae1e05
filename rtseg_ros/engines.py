# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What can run a model, in which library and number format: the names that options accept."""

ENGINES = ('onnxruntime', 'openvino', 'tensorrt')
# Of the engine tensorrt: the Python module of the library.
FLAVOURS = ('tensorrt', 'tensorrt_rtx')
# Of the network's body in a model file.
PRECISIONS = ('fp32', 'fp16', 'int8')
