# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Many bags: found, shared out over processes or a Ray cluster, added up, asked questions of."""
