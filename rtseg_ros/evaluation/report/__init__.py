# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation, as JSON and as a page with pictures."""
