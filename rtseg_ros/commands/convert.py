"""``rtseg convert``: a training checkpoint becomes a model file."""

import argparse

from rtseg_ros.conversion.convert import ConversionSettings, convert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('checkpoint', help='training checkpoint: torch or safetensors')
    parser.add_argument('-o', '--output', required=True, help='.onnx file to write')
    parser.add_argument('--network', default='', help='name in the zoo; see rtseg models')
    parser.add_argument('--labels', default='', help='camvid, cityscapes or a YAML file')


def run(args: argparse.Namespace) -> int:
    """Convert and say where the model is."""
    output = convert(
        ConversionSettings(args.checkpoint, args.output, args.network, args.labels), print
    )
    print(f'wrote {output}')
    return 0
