"""``rtseg soak``: a node under more frames than it can take, for as long as you like."""

import argparse
from dataclasses import asdict
import json
from pathlib import Path
import tempfile

from tqdm import tqdm

from rtseg_ros.installation import use_image_profile
from rtseg_ros.machine import machine
from rtseg_ros.runtime.model_file import DEFAULT_MODEL, model_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--minutes', type=float, default=2.0, help='how long')
    parser.add_argument('--overload', type=float, default=3.0, help='frames per frame it can take')
    parser.add_argument('--model', default=DEFAULT_MODEL, help='.onnx file or shipped name')
    parser.add_argument('--size', default='640x480', metavar='WxH', help='of the frames')
    parser.add_argument('--max-age-ms', type=float, default=0.0, help="the node's parameter")
    parser.add_argument('--growth-mib', type=float, default=16.0, help='of memory, that is noise')
    parser.add_argument('--json', metavar='FILE', help='also write the report here')


def run(arguments: argparse.Namespace) -> int:
    """Run the soak; 3 if something was not met."""
    use_image_profile()
    from rtseg_ros.nodes.node_process import isolate_graph
    from rtseg_ros.nodes.soak import SoakSettings, run_soak

    isolate_graph()
    width, height = (int(value) for value in arguments.size.split('x'))
    seconds = arguments.minutes * 60
    with tempfile.TemporaryDirectory() as folder, tqdm(total=round(seconds), unit='s') as bar:
        report = run_soak(
            SoakSettings(
                model=str(model_path(arguments.model).resolve()),
                size_hw=(height, width),
                seconds=seconds,
                overload=arguments.overload,
                max_age_ms=arguments.max_age_ms,
                log_dir=Path(folder),
            ),
            progress=lambda passed: bar.update(round(passed) - bar.n),
        )
    problems = report.problems(growth_mib=arguments.growth_mib)
    summary = {**asdict(report), 'problems': problems, 'machine': machine()}
    text = json.dumps(summary, indent=2)
    print(text)
    if arguments.json:
        Path(arguments.json).write_text(text + '\n', encoding='utf-8')
    for problem in problems:
        print(f'not met: {problem}')
    return 3 if problems else 0
