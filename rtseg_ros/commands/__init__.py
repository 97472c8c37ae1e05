# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The verbs of the shell command ``rtseg``, one module each."""
