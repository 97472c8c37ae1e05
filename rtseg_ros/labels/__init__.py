# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the ids of a label image mean: names, colours, groups, mappings, overlays."""

from rtseg_ros.labels.label_set import (
    BUILT_IN,
    CAMVID,
    CITYSCAPES,
    CITYSCAPES_IDS,
    UNLABELLED,
    LabelSet,
    cityscapes_train_ids_from_ids,
    label_set_from_dict,
)
from rtseg_ros.labels.label_set_file import label_set_from_yaml, load_label_set

__all__ = [
    'BUILT_IN',
    'CAMVID',
    'CITYSCAPES',
    'CITYSCAPES_IDS',
    'UNLABELLED',
    'LabelSet',
    'cityscapes_train_ids_from_ids',
    'label_set_from_dict',
    'label_set_from_yaml',
    'load_label_set',
]
