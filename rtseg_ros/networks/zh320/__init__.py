# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Networks as a public collection builds them, which are not those of the papers.

zh320/realtime-semantic-segmentation-pytorch (Apache-2.0) publishes weights for Cityscapes. Each
file here says in what its network departs from the paper's; names of parameters are those of the
collection, so that its files load as they are. Written from its structure, without its code.
"""
