# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""``rtseg segment``: photos, folders, videos and cameras to pictures and masks, without ROS."""

import argparse
from pathlib import Path
import socket
import sys
from typing import TYPE_CHECKING

from rtseg_ros.argument_types import count_or_none, output_file, within
from rtseg_ros.errors import RtsegError, SettingError
from rtseg_ros.frames.media.codecs import CODEC_CHOICES
from rtseg_ros.options import add_options, settings_from_options
from rtseg_ros.output_files import check_output_folder, write_json
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions
from rtseg_ros.segmenting.settings import SegmentSettings

if TYPE_CHECKING:
    from rtseg_ros.frames.media.footage import Footage
    from rtseg_ros.runtime import Segmenter
    from rtseg_ros.segmenting.destination import Destination
    from rtseg_ros.segmenting.live_view import LiveView
    from rtseg_ros.segmenting.painter import Painter
    from rtseg_ros.segmenting.segment_footage import Outcome

OPENVINO, TENSORRT = 'openvino_', 'tensorrt_'
INTERRUPTED = 130
SHOWN = 8  # problems that are printed one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'input', metavar='INPUT',
        help='image, folder of images, video, camera (0 or /dev/video0) or stream (rtsp://...)',
    )  # fmt: skip
    result = parser.add_argument_group('result')
    result.add_argument(
        '-o', '--output', type=Path, metavar='OUT',
        help='folder, or the one picture (.png, .jpg) or video (.mp4, .webm); without it '
        'segmented/, with --view alone nothing',
    )  # fmt: skip
    result.add_argument(
        '--masks', action='store_true', help='also write the class ids as grey PNG'
    )
    result.add_argument(
        '--side-by-side', action='store_true', help='put the frame beside its overlay'
    )
    result.add_argument('--legend', action='store_true', help='put the legend into the pictures')
    result.add_argument(
        '--codec',
        choices=CODEC_CHOICES,
        default='auto',
        help='of a video; auto: by its suffix',
    )
    result.add_argument(
        '--json', type=output_file, metavar='FILE', help='also write the summary here'
    )
    what = parser.add_argument_group('frames')
    what.add_argument(
        '--recursive', action='store_true', help='look into the folders below a folder, too'
    )
    what.add_argument(
        '--limit', type=count_or_none, default=0,
        help='stop after so many frames; 0: none',
    )  # fmt: skip
    view = parser.add_argument_group('live view')
    view.add_argument('--view', action='store_true', help='show it in a browser meanwhile')
    view.add_argument(
        '--view-host', default='127.0.0.1', metavar='ADDRESS',
        help='address to show it on; 0.0.0.0 for the whole network, without a password',
    )  # fmt: skip
    view.add_argument(
        '--view-port', type=within(int, 0, 65535), default=8765, help='0: any that is free'
    )
    model = parser.add_argument_group('model')
    add_options(model, SegmentSettings)
    model.add_argument(
        '--providers', nargs='+', default=['CPUExecutionProvider'], help='of ONNX Runtime'
    )
    add_options(parser.add_argument_group('OpenVINO'), OpenVinoOptions, prefix=OPENVINO)
    add_options(parser.add_argument_group('TensorRT'), TensorRtOptions, prefix=TENSORRT)


def run(arguments: argparse.Namespace) -> int:
    """Segment the input; 130 if a signal ended it early, with all files finished."""
    from rtseg_ros.frames.media.opening import open_footage
    from rtseg_ros.labels.palettes import palette_bgr
    from rtseg_ros.machine import machine
    from rtseg_ros.progress import Bar
    from rtseg_ros.segmenting.destination import Destination
    from rtseg_ros.segmenting.painter import Painter
    from rtseg_ros.segmenting.segment_footage import segment_footage, summary_from_outcome
    from rtseg_ros.segmenting.stopping import stopping_softly

    output = arguments.output
    if output is None and not arguments.view:
        output = Path('segmented')
    footage = open_footage(
        arguments.input, live=True, recursive=arguments.recursive, leave_out=output
    )
    destination = None
    if output is not None:
        destination = Destination(footage, output, masks=arguments.masks, codec=arguments.codec)
        check_output_folder(output if not output.suffix else output.parent)
    elif arguments.masks:
        raise SettingError('--masks needs a folder to write into: -o DIR')
    segmenter = _segmenter(arguments)
    painter = Painter(
        segmenter.labels,
        palette_bgr=palette_bgr(segmenter.labels, arguments.palette),
        alpha=arguments.overlay_alpha,
        outlines=arguments.outlines,
        side_by_side=arguments.side_by_side,
        with_legend=arguments.legend,
    )
    view = _view(arguments, painter) if arguments.view else None
    total = min(footage.total, arguments.limit) if arguments.limit else footage.total
    try:
        with stopping_softly() as stop, Bar(total=total or None, unit='frame') as bar:
            outcome = segment_footage(
                footage,
                segmenter,
                painter=painter,
                destination=destination,
                view=view,
                limit=arguments.limit,
                stop=stop,
                progress=bar.move,
            )
        if view is not None and footage.kind == 'image' and not outcome.stopped:
            _wait_for_ctrl_c()
    finally:
        if view is not None:
            view.close()
        segmenter.close()
    summary = summary_from_outcome(outcome, footage, segmenter, destination)
    summary['machine'] = machine()
    if destination is not None and destination.folder is not None and outcome.segmented:
        write_json(destination.folder / 'summary.json', summary)
    write_json(arguments.json, summary)
    _tell(outcome, footage, destination)
    if not outcome.segmented:
        raise RtsegError(f"'{footage.name}' gave no frame that could be segmented")
    return INTERRUPTED if outcome.stopped.startswith('SIG') else 0


def _segmenter(arguments: argparse.Namespace) -> 'Segmenter':
    """Load the model; the minutes that TensorRT may take to build it have a progress bar."""
    from rtseg_ros.progress import Bar
    from rtseg_ros.runtime import load_segmenter
    from rtseg_ros.runtime.geometry import Geometry

    settings = settings_from_options(arguments, SegmentSettings)
    geometry = Geometry(
        resize=settings.resize,
        roi=settings.roi if any(settings.roi) else None,
        rotation=settings.rotation,
    )
    slow = settings.engine == 'tensorrt'
    with Bar(total=1.0, desc='load', leave=False, disable=not slow) as bar:
        return load_segmenter(
            settings.model,
            engine=settings.engine,
            providers=arguments.providers,
            threads=settings.threads,
            openvino=settings_from_options(arguments, OpenVinoOptions, prefix=OPENVINO),
            tensorrt=settings_from_options(arguments, TensorRtOptions, prefix=TENSORRT),
            progress=lambda fraction, what: bar.move(fraction, text=what),
            geometry=geometry,
            groups=settings.class_groups or None,
            min_confidence=settings.min_confidence,
            unlabelled_id=settings.unlabelled_id,
        )


def _view(arguments: argparse.Namespace, painter: 'Painter') -> 'LiveView':
    """Start the page and say how to reach it."""
    from rtseg_ros.segmenting.live_view import LiveView

    view = LiveView(painter, host=arguments.view_host, port=arguments.view_port)
    host, port = view.address
    print(f'look at http://{host}:{port}/', flush=True)
    if view.local_only:
        print(
            f'from another computer: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}, '
            f'then http://127.0.0.1:{port}/ there',
            flush=True,
        )
    else:
        print(
            f'warning: whoever reaches {host}, port {port}, sees the pictures; there is no '
            'password and no encryption',
            file=sys.stderr,
        )
    return view


def _wait_for_ctrl_c() -> None:
    from rtseg_ros.segmenting.stopping import stopping_softly

    print('Ctrl-C ends the view', flush=True)
    with stopping_softly() as stop:
        stop.wait()


def _tell(outcome: 'Outcome', footage: 'Footage', destination: 'Destination | None') -> None:
    """Say what was done on stdout; what went wrong and could be better on stderr."""
    for problem in outcome.problems[:SHOWN]:
        print(f'problem: {problem}', file=sys.stderr)
    if len(outcome.problems) > SHOWN:
        print(f'problem: {len(outcome.problems) - SHOWN} more like these', file=sys.stderr)
    for hint in outcome.hints:
        print(f'hint: {hint}', file=sys.stderr)
    frames = 'frame' if outcome.segmented == 1 else 'frames'
    words = [f'{outcome.segmented} {frames}']
    if outcome.segmented:
        words[0] += f' in {outcome.wall_s:.1f} s ({outcome.segmented / outcome.wall_s:.1f} per s)'
    missing = outcome.failed + max(footage.total - outcome.segmented - outcome.failed, 0)
    if missing and not outcome.stopped:
        words.append(f'{missing} of {footage.total} could not be read or labelled')
    if skipped := getattr(footage, 'skipped', 0):
        words.append(f'{skipped} came while the model was busy')
    if outcome.stopped:
        words.append(f'stopped by {outcome.stopped}')
    print(', '.join(words))
    written = [] if destination is None else destination.written
    for path in written if len(written) <= SHOWN else [written[0].parent]:
        print(path)
