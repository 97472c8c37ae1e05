"""``rtseg train``: train a network on a data set; run it again to continue."""

import argparse
from dataclasses import asdict, replace
import hashlib
from pathlib import Path
import shlex
import sys

import cv2
import torch
from tqdm import tqdm

from rtseg_ros.conversion.checkpoint import read_checkpoint
from rtseg_ros.errors import TrainingError
from rtseg_ros.frames.datasets import Dataset, load_dataset
from rtseg_ros.frames.datasets.check import check_dataset
from rtseg_ros.labels import load_label_set
from rtseg_ros.networks import create_network, list_networks
from rtseg_ros.networks.encoders.encoder import load_encoder_weights
from rtseg_ros.output_files import check_output_file, check_output_folder, write_json
from rtseg_ros.runtime.preprocess import IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, Preprocessing
from rtseg_ros.training.pretrained import pretrained_encoder
from rtseg_ros.training.recipe import RECIPES, Recipe, default_recipe
from rtseg_ros.training.start import counterparts, start_from
from rtseg_ros.training.trainer import RunSettings, Trainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('network', choices=list_networks(), metavar='network', help='its name')
    parser.add_argument(
        '--dataset', default='camvid', help='camvid, cityscapes, or a label-set YAML'
    )
    parser.add_argument('--root', type=Path, required=True, help='folder of the data set')
    parser.add_argument('--output', '-o', type=Path, required=True, help='folder of the run')
    parser.add_argument('--recipe', choices=RECIPES, help="default: the network's own paper's")
    parser.add_argument('--epochs', type=int, help="instead of the recipe's")
    parser.add_argument('--batch-size', type=int, help="instead of the recipe's")
    parser.add_argument('--crop-hw', type=int, nargs=2, metavar=('H', 'W'), help='likewise')
    parser.add_argument('--learning-rate', type=float, help="instead of the recipe's")
    parser.add_argument(
        '--size-hw', type=int, nargs=2, default=(360, 480), metavar=('H', 'W'),
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
    parser.add_argument('--seed', type=int, default=0, help='of weights, order, augmentation')
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='cpu or cuda'
    )
    parser.add_argument(
        '--precision', choices=('fp32', 'bf16', 'fp16'), default='fp32', help='autocast'
    )
    parser.add_argument('--workers', type=int, default=2, help='threads that prepare batches')
    parser.add_argument('--validate-every', type=int, default=1, metavar='N', help='epochs')
    parser.add_argument('--json', metavar='FILE', help='write the result here')


def run(arguments: argparse.Namespace) -> int:
    """Check the data, then train; continues where an earlier call in the same folder stopped."""
    if arguments.start_labels is not None and arguments.start_from is None:
        raise TrainingError('--start-labels says what --start-from was trained for; give both')
    check_output_folder(arguments.output)
    check_output_file(arguments.json)
    train = load_dataset(arguments.dataset, arguments.root, arguments.train_split)
    if arguments.hold_out:
        train, val = split_by_prefix(train, arguments.hold_out)
    else:
        val = load_dataset(arguments.dataset, arguments.root, arguments.val_split)
    with tqdm(total=len(train) + len(val), desc='checking', unit='frame', leave=False) as bar:
        facts = check_dataset(train, progress=lambda _: bar.update())
        check_dataset(val, progress=lambda _: bar.update())
    if facts.missing_classes:
        print(f'{train.name} has no pixel of: {", ".join(facts.missing_classes)}')

    recipe = _recipe(arguments, train)
    torch.manual_seed(arguments.seed)
    cv2.setNumThreads(1)  # the batches are prepared by threads already
    network = create_network(arguments.network, train.label_set.num_classes)
    weights = arguments.encoder_weights
    if arguments.pretrained:
        weights = pretrained_encoder(arguments.network)
    starts_from = ''
    if weights is not None:
        load_encoder_weights(network, weights)
        starts_from = (
            f'encoder {weights.name} sha256 {hashlib.sha256(weights.read_bytes()).hexdigest()}'
        )
    elif arguments.start_from is not None:
        checkpoint = read_checkpoint(arguments.start_from)
        trained = checkpoint.labels
        if arguments.start_labels is not None:
            trained = load_label_set(arguments.start_labels)
        classes = counterparts(trained, train.label_set) if trained is not None else []
        fresh = start_from(network, checkpoint.weights, classes)
        starts_from = f'{checkpoint.path.name} sha256 {checkpoint.sha256}'
        print(f'{len(fresh)} tensors do not fit and start fresh: {", ".join(fresh[:3]) or "none"}')
    if starts_from:
        print(f'starts from {starts_from}')
    arguments.output.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(
        arguments.network,
        network,
        recipe=recipe,
        train=train,
        val=val,
        preprocessing=Preprocessing(
            tuple(arguments.size_hw), 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB
        ),
        settings=RunSettings(
            output_dir=arguments.output,
            seed=arguments.seed,
            device=arguments.device,
            precision=arguments.precision,
            workers=arguments.workers,
            validate_every=arguments.validate_every,
        ),
        class_pixels=facts.pixels,
        pretrained=weights is not None or arguments.start_from is not None,
        starts_from=starts_from,
        command=shlex.join(['rtseg', *sys.argv[1:]]),
    )
    if trainer.resume():
        print(f'continuing after epoch {trainer.epoch} of {recipe.epochs}')
    settings = ', '.join(f'{key} {value}' for key, value in asdict(recipe).items())
    print(f'{arguments.network} on {train.name} ({len(train)} frames): {settings}')
    with tqdm(desc=arguments.network, unit='step', smoothing=0.05) as bar:

        def progress(step: int, total: int, text: str) -> None:
            if bar.total != total:
                bar.reset(total)
                bar.initial = step - 1
            bar.n = step
            bar.set_postfix_str(text, refresh=False)
            bar.update(0)

        best = trainer.run(progress)
    print(f'best mIoU on {val.name}: {best:.4f}; weights in {arguments.output / "best.pth"}')
    result = {'network': arguments.network, 'miou': best, 'epochs': recipe.epochs}
    write_json(arguments.json, result)
    return 0


def split_by_prefix(dataset: Dataset, prefix: str) -> tuple[Dataset, Dataset]:
    """Part a split into the frames whose names do not start with prefix, and those that do.

    Raises:
        TrainingError: If one of the two parts would be empty.
    """
    parts = []
    for held_out in (False, True):
        pairs = [
            pair
            for pair in zip(dataset.image_paths, dataset.label_paths, strict=True)
            if pair[0].name.startswith(prefix) == held_out
        ]
        if not pairs:
            raise TrainingError(
                f"--hold-out '{prefix}' leaves no frames to "
                f'{"validate on" if held_out else "train on"}; '
                f'{dataset.name} has names like {dataset.image_paths[0].name}'
            )
        images, labels = zip(*pairs, strict=True)
        name = f'{dataset.name} {"only" if held_out else "without"} {prefix}'
        parts.append(replace(dataset, name=name, image_paths=images, label_paths=labels))
    return parts[0], parts[1]


def _recipe(arguments: argparse.Namespace, train: Dataset) -> Recipe:
    recipe = RECIPES[arguments.recipe or default_recipe(arguments.network, train.name)]
    changes = {
        'epochs': arguments.epochs,
        'batch_size': arguments.batch_size,
        'crop_hw': None if arguments.crop_hw is None else tuple(arguments.crop_hw),
        'learning_rate': arguments.learning_rate,
    }
    return replace(recipe, **{key: value for key, value in changes.items() if value is not None})
