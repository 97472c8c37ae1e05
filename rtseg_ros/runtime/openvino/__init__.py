# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: compile a model for Intel and AMD computers, keep it, run it."""
