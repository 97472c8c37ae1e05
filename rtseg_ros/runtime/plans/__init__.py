# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an engine built from a model file: kept for the next start, and in which precision."""
