# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Other streets, other light, other cameras, made of the frames that there are."""
