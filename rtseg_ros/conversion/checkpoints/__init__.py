# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The parts of reading a checkpoint: what the file is, its pickle, its weights among the rest."""
