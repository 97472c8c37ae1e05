# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Label sets that a user wrote: a YAML file whose mistakes are named by line."""

from pathlib import Path

from rtseg_ros.errors import LabelSetError
from rtseg_ros.labels.label_set import BUILT_IN, LabelSet, checked_label_set
from rtseg_ros.labels.yaml_document import YamlDocument


def load_label_set(name_or_path: str | Path) -> LabelSet:
    """Return a built-in label set by name, or read one from a YAML file.

    The file has the keys ``name``, ``ignore_id`` (optional, 255) and ``classes``: a list of
    ``{name: ..., color: [r, g, b], category: ... (optional)}``.

    Raises:
        LabelSetError: If there is no such set or file, or the file is wrong; names the line.
    """
    if str(name_or_path) in BUILT_IN:
        return BUILT_IN[str(name_or_path)]
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise LabelSetError(
            f"label set '{name_or_path}' is neither built in ({', '.join(BUILT_IN)}) "
            f'nor a readable YAML file: {error}'
        ) from error
    return label_set_from_yaml(text, source=str(path))


def label_set_from_yaml(text: str, *, source: str) -> LabelSet:
    """Parse the YAML form of a label set.

    Args:
        text: The YAML document, as ``load_label_set`` describes it.
        source: Name of the text in error messages.

    Raises:
        LabelSetError: If the text is wrong; the message starts with ``source:line``.
    """
    document = YamlDocument(text, source=source, error=LabelSetError)
    return checked_label_set(
        document.value(document.root),
        default_name=Path(source).stem,
        mistake=lambda place, message: document.mistake(document.at(place), message),
    )
