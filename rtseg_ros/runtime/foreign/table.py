# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a foreign .onnx file is, what is missing to run it, and the command that imports it.

``rtseg models --describe`` and every refusal of such a file print this one table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import shlex
from typing import Any

from rtseg_ros.runtime.foreign.declared import Declared, declared
from rtseg_ros.runtime.foreign.sidecar import Sidecar
from rtseg_ros.runtime.foreign.sidecars import find_sidecar
from rtseg_ros.runtime.onnx_wire import TensorSpec

OPSETS = (11, 20)
# Beside those that depend on the file; others change the model and not how it comes in.
_KEPT = ('--output', '--labels', '--preset', '--scale', '--threshold', '--align-corners')
_NORMALISATION = ('--preset', '--mean', '--std', '--scale')
_FLOATS = ('float32', 'float16')


@dataclass(frozen=True)
class Foreign:
    """A .onnx file that others exported, and how it comes in.

    Attributes:
        declared: What it declares.
        sidecar: What else is said of it.
        told: Options of ``rtseg convert`` that are given already, as typed.
        missing: Option to why it is needed; those that only the user knows.
        unusable: Why it cannot be imported at all; empty if it can.
    """

    declared: Declared
    sidecar: Sidecar
    told: Mapping[str, str]
    missing: Mapping[str, str]
    unusable: tuple[str, ...]

    @property
    def command(self) -> str:
        """Return what to type; words in capitals are the user's to fill in."""
        path = self.declared.path
        options = {**self.told, **{name: _PLACES[name] for name in self.missing}}
        output = options.pop('--output', f'{path.stem}_rtseg.onnx')
        words = ' '.join(f'{name} {value}'.strip() for name, value in options.items())
        return f'rtseg convert {shlex.quote(str(path))} -o {shlex.quote(output)} {words}'.strip()

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, for machines."""
        file = self.declared
        return {
            'file': str(file.path),
            'kind': 'a .onnx file without metadata of rtseg_ros',
            'bytes': file.size,
            'sha256': file.sha256,
            'written_by': file.producer or 'unknown',
            'opset': file.opset,
            'inputs': {spec.name: _spec(spec) for spec in file.inputs},
            'outputs': {spec.name: _spec(spec) for spec in file.outputs},
            'weights_beside_it': list(file.weight_files),
            'operators_beyond_onnx': [*file.other_operators, *file.custom_operators],
            'sidecar': self.sidecar.to_dict() if self.sidecar.program else None,
            'missing': dict(self.missing),
            'unusable': list(self.unusable),
            'command': '' if self.unusable else self.command,
        }

    def lines(self) -> list[str]:
        """Return the table for people."""
        file, side = self.declared, self.sidecar
        rows = [
            ('file', f'{file.path}, {file.size} bytes'),
            ('written by', f'{file.producer or "unknown"}, opset {file.opset}'),
            *(('input', f'{spec.name} {_spec(spec)}') for spec in file.inputs),
            *(('output', f'{spec.name} {_spec(spec)}') for spec in file.outputs),
        ]
        if file.weight_files:
            rows.append(('weights', f'beside it, in {", ".join(file.weight_files)}'))
        if file.other_operators:
            rows.append(('operators', f'beyond ONNX: {", ".join(file.other_operators)}'))
        if side.labels is not None:
            names = ', '.join(side.labels.names[:5]) + (
                ', ...' if side.labels.num_classes > 5 else ''
            )
            rows.append(('classes', f'{side.labels.num_classes} from {side.labels_from}: {names}'))
        if side.normalisation is not None:
            rows.append(
                (
                    'preprocessing',
                    f'from {side.normalisation_from}: {side.normalisation.words()}',
                )
            )
        rows += [('note', note) for note in side.notes]
        rows += [('missing', f'{name}: {why}') for name, why in self.missing.items()]
        if self.unusable:
            rows += [('cannot be used', why) for why in self.unusable]
        else:
            rows.append(('import it with', self.command))
        return [f'{name:<14} {text}' for name, text in rows]


_PLACES = {
    '--labels': 'LABELS',
    '--preset': 'PRESET',
    '--channel-order': 'ORDER',
    '--size-hw': 'H W',
    '--output-name': 'NAME',
}


def describe_foreign(content: bytes, path: Path, told: Mapping[str, str] | None = None) -> Foreign:
    """Describe a foreign file.

    Args:
        content: The whole file.
        path: Where it lies; sidecars are looked for beside it.
        told: Options that are given already, as typed.

    Raises:
        ValueError: If the bytes are no ONNX file.
    """
    file, told = declared(content, path), told or {}
    sidecar = find_sidecar(path, file.properties)
    told = {name: value for name, value in told.items() if _fits(file, name, value)}
    unusable = _unusable(file, sidecar)
    missing = {} if unusable else _missing(file, sidecar, told)
    return Foreign(file, sidecar, told, missing, unusable)


def _fits(file: Declared, name: str, value: str) -> bool:
    """Whether an option can stand in a command: what was refused for sure is not said again."""
    image = file.inputs[0]
    if name in _NORMALISATION and image.dtype == 'uint8':
        return False  # the model normalises
    if name == '--size-hw':
        return not all(side > 0 for side in image.shape)
    if name == '--output-name':
        return value in {spec.name for spec in file.outputs}
    if name in ('--mean', '--std', '--channel-order'):
        return name == '--channel-order' or not _is_unit(value)
    return name in _KEPT


def _is_unit(value: str) -> bool:
    """Whether statistics look like those of images from 0 to 1."""
    return max(map(float, value.split())) < 2


def _unusable(file: Declared, sidecar: Sidecar) -> tuple[str, ...]:
    reasons = []
    if sidecar.refusal:
        reasons.append(sidecar.refusal)
    if not OPSETS[0] <= file.opset <= OPSETS[1]:
        reasons.append(
            f'opset {file.opset}; accepted: {OPSETS[0]} to {OPSETS[1]}. Export it again with '
            'opset_version=17'
        )
    if file.custom_operators:
        reasons.append(
            f'operators that ONNX Runtime does not have: {", ".join(file.custom_operators)}; '
            'export it without them'
        )
    if len(file.inputs) != 1:
        reasons.append(f'{len(file.inputs)} inputs; accepted: one, the image')
    else:
        (image,) = file.inputs
        if len(image.shape) != 4 or image.dtype not in (*_FLOATS, 'uint8'):
            reasons.append(
                f'its input is {_spec(image)}; accepted: float32, float16 or uint8, (N, 3, H, W) '
                'or (N, H, W, 3)'
            )
    for name in file.weight_files:
        if not (file.path.parent / name).is_file():
            reasons.append(
                f"its weights lie in '{name}', which is not in its folder: copy it there"
            )
    return tuple(reasons)


def _missing(file: Declared, sidecar: Sidecar, told: Mapping[str, str]) -> dict[str, str]:
    (image,) = file.inputs
    missing = {}
    if len(file.outputs) > 1 and '--output-name' not in told:
        names = ', '.join(spec.name for spec in file.outputs)
        missing['--output-name'] = f'it has several outputs; choose one of {names}'
    if sidecar.labels is None and '--labels' not in told:
        count = _channels(file, told)
        which = f'its output has {count} channels' if count > 1 else 'nothing names its classes'
        missing['--labels'] = f'{which}; give camvid, cityscapes or a YAML file with names'
    if image.dtype == 'uint8':
        if '--channel-order' not in told and sidecar.normalisation is None:
            missing['--channel-order'] = 'it takes uint8; give rgb or bgr, as it was trained'
    elif sidecar.normalisation is None and not {'--preset', '--std'} & told.keys():
        missing['--preset'] = (
            'nothing says how frames become input; give imagenet, zero-one, unscaled-rgb, '
            'unscaled-bgr, or in its place --channel-order, --mean and --std on 0..255'
        )
    sides = [side for side in image.shape[1:] if side != 3]
    if (min(sides) < 1 or len(sides) < 2) and '--size-hw' not in told and not sidecar.size_hw:
        missing['--size-hw'] = 'it takes any size; give height and width to run at'
    return missing


def _channels(file: Declared, told: Mapping[str, str]) -> int:
    """Return the number of channels where the file declares them, else 0."""
    wanted = told.get('--output-name')
    for spec in file.outputs:
        if (spec.name == wanted or len(file.outputs) == 1) and len(spec.shape) == 4:
            if spec.dtype in (*_FLOATS, 'float64'):
                return max(spec.shape[1], 0)
    return 0


def _spec(spec: TensorSpec) -> str:
    sides = ', '.join('?' if side < 1 else str(side) for side in spec.shape)
    return f'{spec.dtype} ({sides})'
