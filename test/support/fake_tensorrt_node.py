# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A node on the fake GPU and TensorRT of this folder, as a process of its own.

python fake_tensorrt_node.py NODE LIBRARY PAUSE_S [node arguments]: the module of rtseg_ros.nodes,
the fake CUDA runtime, and how long each of the four steps of a build takes.
"""

import importlib
import sys

from fake_gpu import fresh_gpu
from fake_tensorrt import FakeTensorRt

from rtseg_ros.runtime.tensorrt import plan as tensorrt_plan
from rtseg_ros.runtime.tensorrt.cudart import open_cuda

if __name__ == '__main__':
    name, library, pause_s = sys.argv[1:4]
    fake = FakeTensorRt('10.3.0', fresh_gpu(library))
    fake.pause_s = float(pause_s)
    sys.modules['tensorrt'] = fake
    tensorrt_plan.open_cuda = lambda: open_cuda([library])
    sys.argv[1:4] = []
    sys.exit(importlib.import_module(f'rtseg_ros.nodes.{name}').main())
