"""``rtseg soak``: a node under more frames than it can take, for as long as you like."""

import argparse
from dataclasses import asdict
import json
from pathlib import Path
import tempfile

from tqdm import tqdm

from rtseg_ros.argument_types import output_file, within
from rtseg_ros.installation import use_image_profile
from rtseg_ros.machine import machine
from rtseg_ros.output_files import write_json
from rtseg_ros.runtime.model_file import DEFAULT_MODEL, model_path

# Shorter, and too little memory is seen after the start to say whether it grows.
MINIMUM_S = 6.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--minutes', type=within(float, MINIMUM_S / 60, 10**6), default=2.0, help='how long'
    )
    parser.add_argument(
        '--overload',
        type=within(float, 0.01, 1000),
        default=3.0,
        help='frames per frame it can take',
    )
    parser.add_argument('--model', default=DEFAULT_MODEL, help='.onnx file or shipped name')
    parser.add_argument(
        '--size', type=size_hw, default='640x480', metavar='WxH', help='of the frames'
    )
    parser.add_argument(
        '--max-age-ms', type=within(float, 0, 1e6), default=0.0, help="the node's parameter"
    )
    parser.add_argument(
        '--growth-mib', type=within(float, 0, 1e6), default=16.0, help='of memory, that is noise'
    )
    parser.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the report here'
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the soak; 3 if something was not met."""
    use_image_profile()
    from rtseg_ros.harness.node_process import isolate_graph
    from rtseg_ros.harness.soak import SoakSettings, run_soak

    isolate_graph()
    seconds = arguments.minutes * 60
    with tempfile.TemporaryDirectory() as folder, tqdm(total=round(seconds), unit='s') as bar:
        report = run_soak(
            SoakSettings(
                model=str(model_path(arguments.model).resolve()),
                size_hw=arguments.size,
                seconds=seconds,
                overload=arguments.overload,
                max_age_ms=arguments.max_age_ms,
                log_dir=Path(folder),
            ),
            progress=lambda passed: bar.update(round(passed) - bar.n),
        )
    problems = report.problems(growth_mib=arguments.growth_mib)
    summary = {**asdict(report), 'problems': problems, 'machine': machine()}
    print(json.dumps(summary, indent=2))
    write_json(arguments.json, summary)
    for problem in problems:
        print(f'not met: {problem}')
    return 3 if problems else 0


def size_hw(text: str) -> tuple[int, int]:
    """Read WxH; return height and width."""
    width, found, height = text.partition('x')
    if not (found and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(
            f"it is '{text}'; give width x height in pixels, e.g. 640x480"
        )
    return int(height), int(width)
