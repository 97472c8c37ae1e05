# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Class mapping: merge the classes of one label set into those of another, to be judged on them.

E.g. a Cityscapes model on CamVid labels. labels/groups.py merges what a node publishes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from rtseg_ros.errors import EvaluationError
from rtseg_ros.labels.label_set import CAMVID, CITYSCAPES, UNLABELLED, LabelSet
from rtseg_ros.labels.yaml_document import plain_yaml

# Cityscapes' 19 classes are finer than CamVid's 11, so only this direction exists: a CamVid
# model on Cityscapes data is judged with the ground truth mapped to CamVid.
CAMVID_FROM_CITYSCAPES: Mapping[str, str] = {
    'road': 'Road',
    'sidewalk': 'Pavement',
    'building': 'Building',
    'wall': 'Building',
    'fence': 'Fence',
    'pole': 'Pole',
    'traffic light': 'SignSymbol',
    'traffic sign': 'SignSymbol',
    'vegetation': 'Tree',
    'terrain': 'Tree',
    'sky': 'Sky',
    'person': 'Pedestrian',
    'rider': 'Bicyclist',
    'car': 'Car',
    'truck': 'Car',
    'bus': 'Car',
    'train': 'Car',
    'motorcycle': 'Bicyclist',
    'bicycle': 'Bicyclist',
}
BUILT_IN = ((CITYSCAPES, CAMVID, CAMVID_FROM_CITYSCAPES),)


@dataclass(frozen=True)
class Alignment:
    """How predictions and ground truth of different label sets are compared.

    Attributes:
        labels: The classes that the figures are about.
        prediction_table: (256,) uint8, a model's class id to an id of ``labels``.
        truth_table: (256,) uint8, an id of the ground truth to an id of ``labels``.
        text: One sentence for the report.
    """

    labels: LabelSet
    prediction_table: np.ndarray
    truth_table: np.ndarray
    text: str


def align(
    model: LabelSet, truth: LabelSet, *, mapping: Mapping[str, str] | str | Path | None = None
) -> Alignment:
    """Bring a model's classes and those of the ground truth together.

    Equal names need no mapping, whatever their order. Otherwise the mapping turns the classes
    of one side into those of the other; classes that it does not name become unlabelled, which
    is a miss for a prediction and no label for the ground truth.

    Args:
        model: What the model predicts.
        truth: What the ground truth holds.
        mapping: YAML file with class names of one set, each with its class of the other:
            ``classes: {road: Road, sidewalk: Pavement}``, or these pairs. None for equal names
            and for Cityscapes and CamVid, whose mapping is built in.

    Raises:
        EvaluationError: If the sets differ and no mapping fits.
    """
    if isinstance(mapping, Mapping):
        return _aligned(model, truth, mapping, source='given')
    if mapping is not None:
        return _aligned(model, truth, read_mapping(mapping), source=str(mapping))
    if model.names == truth.names:
        same = np.arange(256, dtype=np.uint8)
        same[truth.num_classes :] = UNLABELLED
        return Alignment(truth, same, same, 'none needed: the same classes')
    if set(model.names) == set(truth.names):
        return _aligned(model, truth, {name: name for name in model.names}, source='same names')
    for fine, coarse, classes in BUILT_IN:
        if {model.names, truth.names} == {fine.names, coarse.names}:
            return _aligned(model, truth, classes, source='built-in mapping')
    raise EvaluationError(
        f"the model's classes ({model.name}: {', '.join(model.names)}) are not those of the "
        f'ground truth ({truth.name}: {", ".join(truth.names)}); give a YAML file with '
        "'classes: {model class: truth class, ...}' as the mapping"
    )


def read_mapping(path: str | Path) -> dict[str, str]:
    """Read the pairs of class names of a YAML file.

    Raises:
        EvaluationError: If it cannot be read or is no such file.
    """
    try:
        data = plain_yaml(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EvaluationError(f"class mapping '{path}' cannot be read: {error}") from error
    classes = data.get('classes') if isinstance(data, dict) else None
    if not isinstance(classes, dict) or not classes:
        raise EvaluationError(
            f"class mapping '{path}' needs the key 'classes' with at least one "
            "'class of one set: class of the other'"
        )
    wrong = [f'{key!r}: {value!r}' for key, value in classes.items() if not _is_pair(key, value)]
    if wrong:
        raise EvaluationError(f"class mapping '{path}': {wrong[0]} is not a pair of class names")
    return classes


def _is_pair(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, str)


def _aligned(
    model: LabelSet, truth: LabelSet, classes: Mapping[str, str], *, source: str
) -> Alignment:
    keys, values = set(classes), set(classes.values())
    if keys <= set(model.names) and values <= set(truth.names):
        return Alignment(
            truth,
            _table(model, truth, classes),
            _table(truth, truth, {name: name for name in truth.names}),
            f'predictions {model.name} to {truth.name} ({source})',
        )
    if keys <= set(truth.names) and values <= set(model.names):
        return Alignment(
            model,
            _table(model, model, {name: name for name in model.names}),
            _table(truth, model, classes),
            f'ground truth {truth.name} to {model.name} ({source})',
        )
    unknown = sorted((keys | values) - set(model.names) - set(truth.names))
    what = f'unknown classes: {", ".join(unknown)}' if unknown else 'classes on the wrong side'
    raise EvaluationError(
        f'class mapping {source} has {what}; it maps classes of {model.name} '
        f'({", ".join(model.names)}) to {truth.name} ({", ".join(truth.names)}) or the reverse'
    )


def _table(source: LabelSet, target: LabelSet, classes: Mapping[str, str]) -> np.ndarray:
    table = np.full(256, UNLABELLED, np.uint8)
    for name, other in classes.items():
        table[source.names.index(name)] = target.names.index(other)
    return table
