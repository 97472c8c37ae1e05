"""``rtseg demo``: real nodes on real video, and pictures of what they see."""

import argparse
from pathlib import Path

from rtseg_ros.errors import RtsegError
from rtseg_ros.output_files import check_output_file, check_output_folder, write_json
from rtseg_ros.progress import Bar
from rtseg_ros.runtime.model_file import DEFAULT_MODEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--source', help='video file or image folder (default: a street clip)')
    parser.add_argument('--topic', default='', help='listen to this running camera instead')
    parser.add_argument('--seconds', type=float, default=20.0, help='how long with --topic')
    parser.add_argument('--rate', type=float, default=0.0, help='frames per second; 0: its own')
    parser.add_argument('--model', default=DEFAULT_MODEL, help='.onnx file or shipped name')
    parser.add_argument('--output', type=Path, default=Path('demo_output'), help='folder')
    parser.add_argument('--json', metavar='FILE', help='also write the summary here')


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and write overlay video, contact sheet and summary."""
    check_output_folder(arguments.output)
    check_output_file(arguments.json)
    from rtseg_ros.harness.demo_session import DemoRequest, demo  # --help needs no ROS

    request = DemoRequest(
        source=arguments.source or '',
        topic=arguments.topic,
        seconds=arguments.seconds,
        rate_hz=arguments.rate,
        model=arguments.model,
        output=arguments.output,
    )
    with Bar(unit='frame') as bar:
        result = demo(request, say=bar.print, progress=bar.move)
    write_json(arguments.json, result.summary)
    frames = result.summary['frames']
    latency = result.summary['latency_ms']['camera_to_mask']
    machine = result.summary['machine']
    print(
        f'{frames["sent"]} frames sent, {frames["published"]} answered, dropped '
        f'{frames["dropped"]}; camera to mask p50 {latency["p50"]:.0f} ms, p99 '
        f'{latency["p99"]:.0f} ms on {machine["processor"]}, {machine["cores"]} cores'
    )
    for path in result.files:
        print(path.resolve())
    if not result.adds_up:
        raise RtsegError('frames sent differ from published + dropped; see summary.json')
    return 0
