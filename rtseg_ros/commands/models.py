"""``rtseg models``: list the networks, describe a model file, measure a receptive field."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg_ros.argument_types import count, output_file, pixels
from rtseg_ros.errors import CheckpointError
from rtseg_ros.output_files import write_json
from rtseg_ros.runtime.model_file import model_path, read_model_file

if TYPE_CHECKING:
    from torch import Tensor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--describe', metavar='MODEL', help='say what a .onnx file is')
    what.add_argument('--erf', metavar='NAME', help='effective receptive field of a network')
    parser.add_argument(
        '--size-hw', type=pixels, nargs=2, metavar=('H', 'W'),
        help="input size; default: that of the network's paper, or of the checkpoint",
    )  # fmt: skip
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='write the figures here; - for the screen'
    )
    erf = parser.add_argument_group('with --erf')
    erf.add_argument('--checkpoint', type=Path, help='of rtseg train; random weights if not given')
    erf.add_argument('--frames', help='video or folder of images; noise if not given')
    erf.add_argument('--limit', type=count, default=8, metavar='N', help='number of images')


def run(args: argparse.Namespace) -> int:
    """Do what the options say; the table of networks without --describe and --erf."""
    if args.describe:
        result = _description(args.describe)
        lines = [f'{key:<20} {_plain(value)}' for key, value in result.items()]
    elif args.erf:
        result = _receptive_field(args)
        lines = _erf_lines(result)
    else:
        result = _counts(args.size_hw)
        lines = _table(result['networks'])
    if str(args.json) == '-':
        print(json.dumps(result, indent=2))
        return 0
    print('\n'.join(lines))
    write_json(args.json, result)
    return 0


def _description(name_or_path: str) -> dict[str, Any]:
    """Facts of a model file; needs no torch."""
    model = read_model_file(model_path(name_or_path))
    facts = json.loads(model.metadata.to_json())
    del facts['format']
    labels = facts.pop('labels')
    return {
        'file': str(model.path),
        'bytes': len(model.content),
        'sha256': model.sha256,
        'input': f'{model.input.dtype} {model.input.shape}',
        'outputs': {name: f'{spec.dtype} {spec.shape}' for name, spec in model.outputs.items()},
        'classes': [entry['name'] for entry in labels['classes']],
        **facts,
    }


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ', '.join(f'{key} {_plain(inner)}' for key, inner in value.items()) or '-'
    if isinstance(value, list):
        return ', '.join(map(str, value))
    return '-' if value in (None, '') else str(value)


def _counts(size_hw: list[int] | None) -> dict[str, Any]:
    """Count parameters and multiply-accumulates of every network, beside the papers' figures."""
    import torch  # only here: a machine that runs models has no torch

    from rtseg_ros.networks.network import multiply_accumulates, parameter_count
    from rtseg_ros.networks.zoo import create_network, list_networks, network_facts

    rows = []
    for name in list_networks():
        facts = network_facts(name)
        with torch.device('meta'):  # shapes only, also for the 134M parameters of VGG-16
            network = create_network(name, facts.classes)
        size = (size_hw[0], size_hw[1]) if size_hw else facts.default_size_hw
        parameters = parameter_count(network)
        row: dict[str, Any] = {
            'name': name,
            'classes': facts.classes,
            'parameters': parameters,
            'published_parameters': facts.published_parameters,
            'parameters_difference': _difference(parameters, facts.published_parameters),
            'size_hw': list(size),
            'gmacs': multiply_accumulates(network, size) / 1e9,
            'published_gmacs': None,
            'published_size_hw': facts.published_size_hw,
            'gmacs_at_published_size': None,
            'gmacs_difference': None,
            **{key: getattr(facts, key) for key in ('paper', 'section', 'licence', 'note')},
            'encoder': facts.encoder,
            'stride': facts.stride,
        }
        if facts.published_macs is not None and facts.published_size_hw is not None:
            gmacs = multiply_accumulates(network, facts.published_size_hw) / 1e9
            row['published_gmacs'] = facts.published_macs / 1e9
            row['gmacs_at_published_size'] = gmacs
            row['gmacs_difference'] = _difference(gmacs, facts.published_macs / 1e9)
        rows.append(row)
    return {'networks': rows}


def _difference(ours: float, published: float | None) -> float | None:
    """Return ours relative to the published figure, 0.01 for one percent more."""
    return None if published is None else ours / published - 1


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """Lay the counts out in columns; the papers' own size and figure where they differ."""
    heads = ('network', 'classes', 'parameters', 'paper', 'diff', 'GMAC', 'at', 'paper', 'at')
    cells = [(*heads, 'ours', 'diff')]
    for row in rows:
        published = row['published_parameters']
        cells.append(
            (
                row['name'],
                str(row['classes']),
                f'{row["parameters"]:,}',
                f'{published / 1e6:g}M' if published else '',
                _percent(row['parameters_difference']),
                f'{row["gmacs"]:.3f}',
                _size(row['size_hw']),
                f'{row["published_gmacs"]:g}' if row['published_gmacs'] else '',
                _size(row['published_size_hw']),
                f'{row["gmacs_at_published_size"]:.3f}' if row['published_gmacs'] else '',
                _percent(row['gmacs_difference']),
            )
        )
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    lines += ['', 'GMAC: 10^9 multiply-accumulates, transposed convolutions on their input; sizes']
    lines += ['are height x width. Papers that count additions too are halved.']
    return lines + [f'{row["name"]}: {row["note"]}.' for row in rows if row['note']]


def _percent(share: float | None) -> str:
    return '' if share is None else f'{share:+.1%}'


def _size(size_hw: tuple[int, int] | list[int] | None) -> str:
    return f'{size_hw[0]}x{size_hw[1]}' if size_hw else ''


def _receptive_field(args: argparse.Namespace) -> dict[str, Any]:
    """Measure the effective receptive field of a network."""
    import torch

    from rtseg_ros.networks.measures.receptive_field import PUBLISHED, effective_receptive_field
    from rtseg_ros.networks.zoo import create_network, network_facts
    from rtseg_ros.runtime.preprocess import (
        IMAGENET_MEAN_RGB,
        IMAGENET_STD_RGB,
        Preprocessing,
    )
    from rtseg_ros.training.checkpoint import load_checkpoint

    size = network_facts(args.erf).default_size_hw
    preprocessing = Preprocessing(size, 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB)
    torch.manual_seed(0)
    if args.checkpoint:
        trained = load_checkpoint(args.checkpoint)
        if trained.network != args.erf:
            raise CheckpointError(
                f"{args.checkpoint} holds '{trained.network}', not '{args.erf}'; "
                f'use --erf {trained.network}'
            )
        preprocessing = trained.preprocessing
        network = create_network(args.erf, trained.labels.num_classes)
        network.load_state_dict(trained.weights)
    else:
        network = create_network(args.erf)
    if args.size_hw:
        height, width = args.size_hw
        preprocessing = Preprocessing(
            (height, width),
            preprocessing.channel_order,
            preprocessing.mean,
            preprocessing.std,
            preprocessing.scale,
        )
    found = effective_receptive_field(network, _images(args, preprocessing))
    published = PUBLISHED.get(args.erf)
    return {
        'name': args.erf,
        'size_hw': list(preprocessing.size_hw),
        'weights': str(args.checkpoint) if args.checkpoint else 'random',
        'frames': args.frames or 'noise',
        **asdict(found),
        'published': asdict(published) if published else None,
    }


def _images(args: argparse.Namespace, preprocessing: Any) -> 'Iterator[Tensor]':
    import torch

    from rtseg_ros.frames.media.opening import open_footage
    from rtseg_ros.runtime.preprocess import image_from_frame

    if not args.frames:
        for _ in range(args.limit):
            yield torch.randn(1, 3, *preprocessing.size_hw)
        return
    for shot in itertools.islice(open_footage(args.frames), args.limit):
        yield torch.from_numpy(image_from_frame(shot.frame, preprocessing))


def _erf_lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f'{result["name"]} at {_size(result["size_hw"])}, weights: {result["weights"]}, '
        f'{result["images"]} images: {result["frames"]}',
        f'effective receptive field: {result["horizontal_px"]:.1f} px horizontal, '
        f'{result["vertical_px"]:.1f} px vertical (standard deviation of the strongest 5 %)',
    ]
    if published := result['published']:
        lines.append(
            f'paper, Table 5, trained, 1024x2048: {published["horizontal_px"]} px horizontal, '
            f'{published["vertical_px"]} px vertical'
        )
    return lines
