# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg train``: train a network on a data set; run it again to continue."""

import argparse
from contextlib import ExitStack
from pathlib import Path
import shlex
import sys
from typing import TYPE_CHECKING

from rtseg_ros.argument_types import count, output_file, output_folder, pixels, seed, within
from rtseg_ros.errors import TrainingError
from rtseg_ros.output_files import write_json
from rtseg_ros.progress import Bar
from rtseg_ros.training.recipe import AUGMENTATIONS, RECIPES

if TYPE_CHECKING:
    from rtseg_ros.training.session import TrainingSettings
    from rtseg_ros.training.start import StartWeights
    from rtseg_ros.training.trainer import StepNews


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('network', type=_network, help='its name, see rtseg models --networks')
    parser.add_argument(
        '--dataset', default='camvid', help='camvid, cityscapes, or a label-set YAML'
    )
    parser.add_argument('--root', type=Path, required=True, help='folder of the data set')
    parser.add_argument(
        '-o', '--output', type=output_folder, required=True, help='folder of the run'
    )
    parser.add_argument('--recipe', choices=RECIPES, help="default: the network's own paper's")
    parser.add_argument(
        '--epochs', type=count,
        help="instead of the recipe's; more than the run in the folder has make it longer",
    )  # fmt: skip
    parser.add_argument('--batch-size', type=count, help="instead of the recipe's")
    parser.add_argument('--crop-hw', type=pixels, nargs=2, metavar=('H', 'W'), help='likewise')
    parser.add_argument(
        '--learning-rate', type=within(float, 0, 1e3), help="instead of the recipe's"
    )
    parser.add_argument(
        '--augment', type=_augmentation, nargs='+', default=[], metavar='NAME=STRENGTH',
        help=f"instead of the recipe's: {', '.join(AUGMENTATIONS)}, each 0 to 1",
    )  # fmt: skip
    parser.add_argument(
        '--size-hw', type=pixels, nargs=2, default=(360, 480), metavar=('H', 'W'),
        help='size that the network will run at, used for validation',
    )  # fmt: skip
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument('--encoder-weights', type=Path, help='torchvision state_dict file')
    weights.add_argument(
        '--pretrained', action='store_true', help='find ImageNet weights, download if needed'
    )
    weights.add_argument(
        '--start-from', type=Path, metavar='CHECKPOINT',
        help='begin with the weights of this network from another run, where they fit',
    )  # fmt: skip
    parser.add_argument(
        '--start-labels', metavar='LABELS',
        help="camvid, cityscapes or a label-set YAML: the classes of that checkpoint's outputs, "
        'if it does not say itself',
    )  # fmt: skip
    parser.add_argument('--train-split', default='train', help='split to learn from')
    parser.add_argument('--val-split', default='val', help='split that selects the weights')
    parser.add_argument(
        '--hold-out', metavar='PREFIX',
        help='validate on the training frames whose names start so, and train without them',
    )  # fmt: skip
    parser.add_argument('--seed', type=seed, default=0, help='of weights, order, augmentation')
    parser.add_argument(
        '--device', choices=('cpu', 'cuda'), help='default: cuda where there is one'
    )
    parser.add_argument(
        '--precision', choices=('fp32', 'bf16', 'fp16'), default='fp32', help='autocast'
    )
    parser.add_argument(
        '--workers', type=within(int, 0, 1024), default=2, help='threads that prepare batches'
    )
    parser.add_argument(
        '--sync-batch-norm', action='store_true',
        help='with torchrun on GPUs: batch norm over the global batch',
    )  # fmt: skip
    parser.add_argument('--validate-every', type=count, default=1, metavar='N', help='epochs')
    parser.add_argument(
        '--tensorboard', action='store_true',
        help='also write event files for TensorBoard into the folder of the run',
    )  # fmt: skip
    parser.add_argument('--json', type=output_file, metavar='FILE', help='write the result here')


def _network(name: str) -> str:
    """Return the name of a network, as it is."""
    from rtseg_ros.networks import list_networks  # not for --help: it needs torch

    if name not in list_networks():
        raise argparse.ArgumentTypeError(
            f"there is no network '{name}'; there are {', '.join(list_networks())}"
        )
    return name


def _augmentation(text: str) -> tuple[str, float]:
    """Return name and strength of ``NAME=STRENGTH``."""
    name, _, strength = text.partition('=')
    if name not in AUGMENTATIONS:
        raise argparse.ArgumentTypeError(
            f"it is '{text}'; give NAME=STRENGTH with one of {', '.join(AUGMENTATIONS)}"
        )
    return name, within(float, 0, 1)(strength)


def run(arguments: argparse.Namespace) -> int:
    """Check the data, then train; continues where an earlier call in the same folder stopped."""
    from rtseg_ros.training.processes import joined_processes
    from rtseg_ros.training.session import train

    if arguments.start_labels is not None and arguments.start_from is None:
        raise TrainingError('--start-labels says what --start-from was trained for; give both')
    settings = _settings(arguments)
    with ExitStack() as stack:
        processes = stack.enter_context(joined_processes(settings.run.device))
        start = None if arguments.start_from is None else _start(arguments)
        checking = stack.enter_context(
            Bar(desc='checking', unit='frame', leave=False, disable=not processes.first)
        )
        steps: list[Bar] = []

        def progress(news: 'StepNews') -> None:
            if not processes.first:
                return
            if not steps:
                checking.close()
                bar = Bar(desc=arguments.network, unit='step', smoothing=0.05)
                steps.append(stack.enter_context(bar))
                bar.begin_at(news.step - 1)
            steps[0].move_seldom(news.step, news.total, news.text)

        result = train(
            settings,
            start=start,
            say=checking.print if processes.first else lambda _: None,
            checked=checking.move,
            progress=progress,
            processes=processes,
        )
    if not processes.first:
        return 0
    print(f'best mIoU on {result.val_data}: {result.miou:.4f}; weights in {result.best}')
    write_json(
        arguments.json,
        {'network': result.network, 'miou': result.miou, 'epochs': result.epochs},
    )
    return 0


def _settings(arguments: argparse.Namespace) -> 'TrainingSettings':
    import torch

    from rtseg_ros.training.session import TrainingSettings
    from rtseg_ros.training.trainer import RunSettings

    return TrainingSettings(
        network=arguments.network,
        dataset=arguments.dataset,
        root=arguments.root,
        run=RunSettings(
            output_dir=arguments.output,
            seed=arguments.seed,
            device=arguments.device or ('cuda' if torch.cuda.is_available() else 'cpu'),
            precision=arguments.precision,
            workers=arguments.workers,
            validate_every=arguments.validate_every,
            tensorboard=arguments.tensorboard,
            sync_batch_norm=arguments.sync_batch_norm,
        ),
        recipe=arguments.recipe or '',
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        crop_hw=tuple(arguments.crop_hw) if arguments.crop_hw else None,
        learning_rate=arguments.learning_rate,
        augment=dict(arguments.augment),
        size_hw=tuple(arguments.size_hw),
        encoder_weights=arguments.encoder_weights,
        pretrained=arguments.pretrained,
        train_split=arguments.train_split,
        val_split=arguments.val_split,
        hold_out=arguments.hold_out or '',
        command=shlex.join(['rtseg', *sys.argv[1:]]),
    )


def _start(arguments: argparse.Namespace) -> 'StartWeights':
    from rtseg_ros.conversion.checkpoint import read_checkpoint
    from rtseg_ros.labels import load_label_set
    from rtseg_ros.training.start import StartWeights

    checkpoint = read_checkpoint(arguments.start_from)
    labels = checkpoint.labels
    if arguments.start_labels is not None:
        labels = load_label_set(arguments.start_labels)
    return StartWeights(
        checkpoint.path.name,
        checkpoint.sha256,
        checkpoint.weights,
        labels,
        checkpoint.trained_on,
    )
