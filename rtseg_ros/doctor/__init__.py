# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What `rtseg doctor` looks at; each check returns findings and changes nothing."""
