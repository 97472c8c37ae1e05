# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a trained model and frames to a report: evaluation, comparison, thresholds."""
