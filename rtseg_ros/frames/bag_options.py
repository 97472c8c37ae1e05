# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The values that options of bags and their images accept; imports nothing."""

STORAGES = ('mcap', 'sqlite3')
IMAGE_FORMATS = ('raw', 'png', 'jpeg')
# What a generic type of three or four channels may hold; OpenCV keeps colours blue first.
GENERIC_ORDERS = ('bgr', 'rgb')
# Stamps start here unless asked otherwise, so that the same input gives the same bag.
START_S = 1_700_000_000.0
