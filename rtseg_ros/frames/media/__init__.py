# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pictures and videos as people have them: read upright and in time, and written."""
