# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Refuse frames above the age limit, decode, segment, publish: what the worker thread does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import time
from typing import Any

import numpy as np
from rclpy.clock import Clock
from rclpy.serialization import deserialize_message
from std_msgs.msg import Header

from rtseg_ros.errors import CalibrationError, EngineError, FrameError
from rtseg_ros.frames.stamp import ns_from_stamp
from rtseg_ros.labels import LabelSet
from rtseg_ros.labels.palettes import palette_bgr
from rtseg_ros.nodes.messages import frame_from_message
from rtseg_ros.nodes.output_table import Wanted
from rtseg_ros.nodes.parameters import SegmentationParameters
from rtseg_ros.nodes.segmentation.accounting import reason_of
from rtseg_ros.nodes.segmentation.camera import Camera
from rtseg_ros.nodes.segmentation.overlap import Waiting
from rtseg_ros.nodes.spatial.outputs import Seen
from rtseg_ros.runtime import Segmentation, Segmenter
from rtseg_ros.runtime.segmenter import Begun, Prepared


@dataclass(frozen=True)
class Decoded:
    """A frame on its way, with the moments it passed, in ns of perf_counter."""

    camera: Camera
    header: Header
    frame: np.ndarray
    seen: Seen
    prepared: Prepared
    wanted: Wanted
    received_ns: int
    started_ns: int
    decoded_ns: int


@dataclass(frozen=True)
class Running:
    """Frames that the engine works on; nothing was begun if it refused at once."""

    frames: Sequence[Decoded]
    begun: Begun | None


class FramePipeline:
    """Turns the bytes of image messages into published masks; every frame gets counted.

    Attributes:
        segmenter: Labels the frames; None while the node is unconfigured. To be changed in the
            worker thread only.
        settings: The node's; replaced as a whole.
    """

    def __init__(
        self, settings: SegmentationParameters, *, clock: Clock, log: Callable[[str], None]
    ) -> None:
        """Set up.

        Args:
            settings: The node's.
            clock: Tells how old a stamp is.
            log: Gets one line for every frame that is refused, or whose colours are guessed.
        """
        self.settings = settings
        self.segmenter: Segmenter | None = None
        self._clock = clock
        self._log = log

    def install(
        self, segmenter: Segmenter | None, settings: SegmentationParameters | None = None
    ) -> None:
        """Put a segmenter in the place of the present one, which is closed.

        Args:
            segmenter: None to be without.
            settings: That it runs with; the present ones if None.

        Raises:
            RtsegError: If they do not go together; all stays as it was.
        """
        settings = settings or self.settings
        if segmenter is not None:
            try:
                segmenter.engine.take_over()
                colors = _Colors(segmenter.labels, settings)
            except Exception:
                segmenter.close()  # the present one goes on
                raise
            self._colors = colors
        old, self.segmenter = self.segmenter, segmenter
        self.settings = settings
        if old is not None:
            old.close()

    def update(self, settings: SegmentationParameters) -> None:
        """Go on with other settings and what they make of the segmenter's classes."""
        assert self.segmenter is not None
        self._colors = _Colors(self.segmenter.labels, settings)
        self.settings = settings

    def work(self, batch: Sequence[Waiting[Camera]]) -> None:
        """Work on one frame each of some cameras; nothing that is wrong with one escapes."""
        decoded = [self.prepare(waiting) for waiting in batch]
        self._finish([frame for frame in decoded if frame is not None])

    # The same in stages, for ``Overlap``.

    def prepare(self, waiting: Waiting[Camera]) -> Decoded | None:
        """Decode a frame and make it ready for the engine; None if it was refused."""
        segmenter = self._present()
        camera, started_ns = waiting.source, time.perf_counter_ns()
        try:
            message = _message(waiting)
            wanted = camera.wanted()
            if not wanted.asked:
                camera.account.finish('stale', reason='nobody subscribes any more')
                return None
            if self._too_old(camera, message.header):
                return None
            if not segmenter.has_scores and wanted.lacks('scores'):
                raise EngineError(
                    f'only confidence is subscribed to, and {segmenter.engine.model.path.name} '
                    "gives labels without scores; convert it again with a 'logits' output"
                )
            order = self.settings.generic_order
            frame = frame_from_message(message, generic_order=order)
            if guess := camera.colour.note(message, generic_order=order):
                self._log(f'{camera.topic}: {guess}')
            decoded_ns = time.perf_counter_ns()
            seen = camera.spatial.prepare(frame, message.header, wanted)
            return Decoded(
                camera=camera,
                header=message.header,
                frame=frame,
                seen=seen,
                prepared=segmenter.prepare(seen.frame, mask_hw=seen.mask_hw),
                wanted=wanted,
                received_ns=waiting.received_ns,
                started_ns=started_ns,
                decoded_ns=decoded_ns,
            )
        except (FrameError, CalibrationError) as error:
            self._refuse(camera, 'rejected', error)
        except Exception as error:  # noqa: BLE001  the node must outlive any one frame
            self._refuse(camera, 'failed', error)
        return None

    def begin(self, frames: Sequence[Decoded], on_done: Callable[[], None]) -> Running:
        """Have the engine begin with frames; what it refuses is tried anew in ``finish``."""
        prepared = [frame.prepared for frame in frames]
        try:
            return Running(frames, self._present().begin(prepared, on_done=on_done))
        except Exception:  # noqa: BLE001  the node must outlive any one frame
            on_done()
            return Running(frames, None)

    def finish(self, running: Running) -> None:
        """Wait for the engine, and publish."""
        self._finish(running.frames, running.begun)

    def supersede(self, frame: Decoded) -> None:
        """Count a frame in whose place a newer one was made ready."""
        frame.camera.account.finish('superseded')

    def _finish(self, frames: Sequence[Decoded], begun: Begun | None = None) -> None:
        for frame, result in zip(frames, self._segment(frames, begun), strict=True):
            if result is not None:
                self._publish(frame, result)

    def _segment(
        self, frames: Sequence[Decoded], begun: Begun | None
    ) -> list[Segmentation | None]:
        segmenter = self._present()
        confidence = segmenter.has_scores and any(frame.wanted.takes_scores for frame in frames)
        try:
            if begun is not None:
                return list(segmenter.end(begun, confidence=confidence))
            return list(
                segmenter.finish([frame.prepared for frame in frames], confidence=confidence)
            )
        except Exception as error:  # noqa: BLE001  the node must outlive any one frame
            if len(frames) > 1:  # one bad frame must not spoil those of other cameras
                return [self._segment([frame], None)[0] for frame in frames]
            self._refuse(frames[0].camera, 'failed', error)
            return [None]

    def _present(self) -> Segmenter:
        assert self.segmenter is not None
        return self.segmenter

    def _publish(self, frame: Decoded, result: Segmentation) -> None:
        camera = frame.camera
        try:
            if self._too_old(camera, frame.header):
                return
            start_ns = time.perf_counter_ns()
            assert self.segmenter is not None
            settings = self.settings
            result = camera.spatial.finished(result, unlabelled_id=settings.unlabelled_id)
            camera.publish(
                camera.spatial.picture(frame.frame, frame.seen),
                result,
                wanted=frame.wanted,
                header=frame.header,
                labels=self.segmenter.labels,
                palette_bgr=self._colors.palette_bgr,
                overlay_bgr=self._colors.overlay_bgr,
                settings=settings,
            )
        except Exception as error:  # noqa: BLE001  the node must outlive any one frame
            self._refuse(camera, 'failed', error)
            return
        done_ns = time.perf_counter_ns()
        camera.account.record(
            {
                'wait': (frame.started_ns - frame.received_ns) / 1e6,
                'decode': (frame.decoded_ns - frame.started_ns) / 1e6,
                **({} if frame.seen.rectify_ms is None else {'rectify': frame.seen.rectify_ms}),
                **result.timing_ms,
                'publish': (done_ns - start_ns) / 1e6,
                'total': (done_ns - frame.received_ns) / 1e6,
                'age': self._age_ms(frame.header),
            }
        )
        camera.account.finish('published')

    def _too_old(self, camera: Camera, header: Header) -> bool:
        """Count a frame whose stamp is older than allowed."""
        age_ms = self._age_ms(header)
        if not self.settings.max_age_ms or age_ms <= self.settings.max_age_ms:
            return False
        camera.account.finish(
            'stale', reason=f'{age_ms:.0f} ms old, max_age_ms is {self.settings.max_age_ms:g}'
        )
        return True

    def _age_ms(self, header: Header) -> float:
        """Return how old a stamp is by the node's clock; 0 without a stamp or from ahead."""
        stamp_ns = ns_from_stamp(header.stamp)
        return max(self._clock.now().nanoseconds - stamp_ns, 0) / 1e6 if stamp_ns else 0.0

    def _refuse(self, camera: Camera, bin_name: str, error: Exception) -> None:
        reason = reason_of(error)
        camera.account.finish(bin_name, reason=reason)
        self._log(f'frame {bin_name} on {camera.topic}: {reason}')


class _Colors:
    """(256, 3) uint8 BGR: of the label set, and of what is for people to look at."""

    def __init__(self, labels: LabelSet, settings: SegmentationParameters) -> None:
        self.palette_bgr = labels.palette_bgr()
        self.overlay_bgr = palette_bgr(labels, settings.palette)


def _message(waiting: Waiting[Camera]) -> Any:
    try:
        return deserialize_message(waiting.message, waiting.source.message_type)
    except Exception as error:  # each middleware has its own
        raise FrameError(
            f'the {len(waiting.message)} bytes received are no '
            f'{waiting.source.message_type.__name__} message: {error}'
        ) from error
