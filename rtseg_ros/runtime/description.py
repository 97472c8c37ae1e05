# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a model file says of itself, as lines that a person reads."""

from collections.abc import Mapping
from typing import Any

from rtseg_ros.runtime.trained_on import trained_on_from_dict

_WIDTH = 15
_SHOWN = frozenset(
    ('file', 'bytes', 'sha256', 'input', 'outputs', 'classes', 'colors', 'network', 'precision',
     'preprocessing', 'accuracy', 'temperature', 'checkpoint_sha256', 'unlabelled_output',
     'align_corners', 'licence', 'trained_on', 'extra')
)  # fmt: skip


def description_lines(facts: Mapping[str, Any], *, paint: bool = False) -> list[str]:
    """Return facts of ``describe`` as lines: sizes in MB, shares in percent, a table of classes.

    What accuracy and extra hold is up to whoever wrote the file; what is not known here is shown
    as it is, numbers with four digits.

    Args:
        facts: What ``describe`` returns.
        paint: Whether the screen understands colours: each class gets a patch of its own.
    """
    known = dict(facts)
    extra = dict(_mapping(known.get('extra')))
    height, width = known['preprocessing']['size_hw']
    rows = {
        'file': f'{known["file"]} ({known["bytes"] / 1e6:.1f} MB)',
        'network': f'{known["network"]}, {known["precision"]}',
        'input size': f'{width}x{height} (width x height)',
        'input': known['input'],
        'outputs': '; '.join(f'{name} {spec}' for name, spec in known['outputs'].items()),
        'accuracy': _accuracy(_mapping(known.get('accuracy'))),
        'confidence': f'calibrated, temperature {plain(known["temperature"])}'
        if known['temperature'] != 1.0
        else 'not calibrated (temperature 1)',
        'licence': _licence(known, extra),
        'preprocessing': ', '.join(
            f'{key} {plain(value)}'
            for key, value in known['preprocessing'].items()
            if key != 'size_hw'
        ),
        'trained on': _trained_on(known.get('trained_on')),
        'training': _training(_mapping(extra.pop('training', None))),
        'parity': _parity(_mapping(extra.pop('parity', None))),
    }
    if known.get('unlabelled_output') is not None:
        rows['no class'] = f'output {known["unlabelled_output"]}'
    if known.get('align_corners'):
        rows['corners'] = 'aligned'
    rows |= {key: plain(known[key]) for key in known if key not in _SHOWN}
    rows |= {key: plain(value) for key, value in extra.items() if value not in ('', [], {})}
    rows['sha256'] = known['sha256']
    rows['checkpoint'] = known['checkpoint_sha256'] and f'sha256 {known["checkpoint_sha256"]}'
    lines = [f'{key:<{_WIDTH}} {value}' for key, value in rows.items() if value]
    return [*lines, f'{len(known["classes"])} classes', *_classes(known, paint=paint)]


def plain(value: Any) -> str:
    """Return a value of plain types as a person reads it."""
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, float):
        return f'{value:.4g}'
    if isinstance(value, int):
        return f'{value:,}'
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {plain(inner)}' for key, inner in value.items()) or 'none'
    if isinstance(value, list | tuple):
        # Sentences have commas of their own.
        between = '; ' if any(isinstance(part, str) and ' ' in part for part in value) else ', '
        return between.join(map(plain, value)) or 'none'
    return 'none' if value in (None, '') else str(value)


def _classes(facts: Mapping[str, Any], *, paint: bool) -> list[str]:
    iou = _mapping(_mapping(facts.get('accuracy')).get('iou'))
    wide = max(map(len, facts['classes']))
    lines = []
    for index, (name, color) in enumerate(zip(facts['classes'], facts['colors'], strict=True)):
        red, green, blue = color
        patch = f'\033[48;2;{red};{green};{blue}m   \033[0m ' if paint else ''
        share = _percent(iou.get(name))
        lines.append(
            f'{index:>5}  {patch}#{red:02x}{green:02x}{blue:02x}  {name:<{wide}}'
            f'{f"  IoU {share}" if share else ""}'.rstrip()
        )
    return lines


def _accuracy(accuracy: Mapping[str, Any]) -> str:
    share = _percent(accuracy.get('miou'))
    data = accuracy.get('data')
    said = f'mIoU {share}{f" on {data}" if data else ""}' if share else ''
    rest = {key: value for key, value in accuracy.items() if key not in ('miou', 'data', 'iou')}
    return '; '.join(filter(None, [said, plain(rest) if rest else ''])) or 'not measured'


def _parity(parity: Mapping[str, Any]) -> str:
    """Say how near the file's labels are to those of the network that it was made from."""
    different, pixels = parity.get('different_pixels'), parity.get('pixels')
    if not isinstance(different, int) or not isinstance(pixels, int) or not pixels:
        return plain(parity) if parity else ''
    share = '' if different == 0 else f' ({100 * different / pixels:.2g}%)'
    failed = parity.get('failed')
    return (
        f'{different:,} of {pixels:,} pixels differ{share} from the original, '
        f'{plain(parity.get("frames"))} frames of {plain(parity.get("source"))}; '
        f'{"passed" if parity.get("passed") else "NOT passed"}'
        f'{f", failed: {plain(failed)}" if failed else ""}'
    )


def _trained_on(records: Any) -> str:
    return '; '.join(trained_on_from_dict(record).text() for record in records or ())


def _training(training: Mapping[str, Any]) -> str:
    """Say the recipe's name and how far it went; the whole of it is for rtseg models --json."""
    recipe = _mapping(training.get('recipe'))
    if not recipe:
        return ''
    return (
        f'{plain(recipe.get("source"))}; epoch {plain(training.get("epoch"))} of '
        f'{plain(recipe.get("epochs"))}, seed {plain(training.get("seed", 0))}, '
        f'{plain(training.get("precision"))}'
    )


def _licence(facts: Mapping[str, Any], extra: dict[str, Any]) -> str:
    """Return the licence that is stated, wherever the file has it."""
    inner = extra.pop('licence', None)
    for place in (facts, *map(_mapping, extra.values())):
        inner = inner or place.get('licence')
    return plain(inner) if inner else 'not stated in the file'


def _percent(value: Any) -> str:
    return f'{value:.1%}' if isinstance(value, int | float) else ''


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
