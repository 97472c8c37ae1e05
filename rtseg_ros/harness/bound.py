# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs a module in a process that ends with the one that started it, however that one ended.

``python -m rtseg_ros.harness.bound PARENT MODULE ARGUMENT...``: a node behind a demo that was
killed would go on for ever.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def end_with(parent: int) -> None:
    """Have this process get SIGTERM, on which nodes end cleanly, when another one is gone.

    On Linux; elsewhere nothing happens.

    Args:
        parent: Process that started this one, from its main thread: the kernel watches a thread.

    Raises:
        SystemExit: If it is gone already.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == '__main__':
    end_with(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
