# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Classification networks whose maps the decoders take, with weights that others trained."""
