# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The targets that this package sets itself, checked on the rows of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtseg_ros.benchmark.contenders.contender import OURS, OURS_OPENVINO
from rtseg_ros.benchmark.results.table import NodeFigures, Row
from rtseg_ros.benchmark.upsampling import UpsamplingRow
from rtseg_ros.verdict import Verdict

SEGMENTER_RATIO = 1.5
INT8_RATIO = 1.6
# Of OpenVINO where it computes in bfloat16, at the median and at the 5th percentile: against plain
# ONNX Runtime, against our own way with ONNX Runtime, and both of int8.
OPENVINO_RATIO, OPENVINO_OWN_RATIO, OPENVINO_INT8_RATIO = (2.8, 2.4), (2.0, 1.9), (1.35, 1.3)
ESPNETV2_RATIO = (1.8, 1.8)
PEAK_SHARE = 0.8
OPENVINO_LOSS = 0.002
INT8_LOSS = 0.01
AGREEMENT = 0.995
# Of inference, which OpenVINO makes shorter.
OUTSIDE_SHARE, OPENVINO_OUTSIDE_SHARE, OPENVINO_NODE_OUTSIDE_SHARE = 0.10, 0.12, 0.16
NODE_RATIO, OPENVINO_NODE_RATIO = 3.0, 5.5
# Noise has no cell that could be left out; regions are what networks give.
UPSAMPLING_RATIOS = {'regions': 1.0, 'noise': 1.2}


@dataclass(frozen=True)
class Target(Verdict):
    """A verdict on one subject: its name is what was asked, its text what was measured.

    Attributes:
        subject: Network and size.
    """

    subject: str

    def to_dict(self) -> dict[str, Any]:
        """Return what benchmark.json holds of it."""
        return {
            'target': self.name, 'subject': self.subject, 'figure': self.text, 'met': self.ok,
        }  # fmt: skip


def verdicts(rows: Sequence[Row]) -> list[Target]:
    """Check all targets that the rows say something about."""
    found = []
    for network, size in dict.fromkeys((row.network, row.size) for row in rows):
        here = {
            (row.contender, row.precision): row
            for row in rows
            if (row.network, row.size) == (network, size) and row.fps is not None
        }
        found += _of_subject(here, f'{network} {size}')
    return found


def node_verdicts(node: NodeFigures) -> list[Target]:
    """Check our node against the plain one, and against its own inference."""
    ratio = node.ours_fps / node.plain_fps
    undisturbed = node.ours_best_fps / node.plain_best_fps
    fast = 'openvino' in node.subject
    wanted = OPENVINO_NODE_RATIO if fast else NODE_RATIO
    rate = Target(
        f"node: at least {wanted:g} times the plain rclpy and torch node's frame rate, on "
        'average and in the best turn of each',
        min(ratio, undisturbed) >= wanted,
        f'{node.ours_fps:.2f} / {node.plain_fps:.2f} FPS = {ratio:.2f}, {undisturbed:.2f}',
        node.subject,
    )
    if not node.stages_ms:
        return [rate]
    most = OPENVINO_NODE_OUTSIDE_SHARE if fast else OUTSIDE_SHARE
    return [rate, _outside(node.stages_ms, node.subject, 'node: ', most)]


def upsampling_verdicts(rows: Sequence[UpsamplingRow]) -> list[Target]:
    """Check the worst case of each content against the faster of torch and OpenCV."""
    found = []
    for content, most in UPSAMPLING_RATIOS.items():
        ratios = {
            f'{row.classes} classes, {row.logits} to {row.labels}, align_corners '
            f'{row.align_corners}': row.ours_ms / min(row.torch_ms, row.opencv_ms or row.torch_ms)
            for row in rows
            if row.content == content
        }
        if ratios:
            worst = max(ratios, key=lambda name: ratios[name])
            found.append(
                Target(
                    f'labels from coarse logits, {content}: at most {most:g} times the time of '
                    'interpolating all in torch or OpenCV',
                    ratios[worst] <= most,
                    f'{ratios[worst]:.2f}',
                    f'worst of {len(ratios)}: {worst}',
                )
            )
    return found


def _outside(
    stages_ms: Mapping[str, float], subject: str, who: str = '', most: float = OUTSIDE_SHARE
) -> Target:
    infer = stages_ms['infer']
    outside = sum(value for name, value in stages_ms.items() if name != 'infer')
    return Target(
        f'{who}everything outside the engine at most {most:.0%} of inference',
        outside / infer <= most,
        f'{outside:.2f} / {infer:.2f} ms = {outside / infer:.1%}',
        subject,
    )


def _of_subject(here: dict[tuple[str, str], Row], subject: str) -> list[Target]:
    ours, plain = here.get((OURS, 'fp32')), here.get(('onnxruntime', 'fp32'))
    int8 = here.get((OURS, 'int8'))
    found = []
    if ours and plain:
        found.append(_ratio('Segmenter against plain ONNX Runtime', subject, ours, plain,
                            (SEGMENTER_RATIO, SEGMENTER_RATIO)))  # fmt: skip
    # Where scores are enlarged twice, as others do for frames of another size, borders move.
    if ours and ours.agreement is not None and 'frames' not in subject:
        found.append(
            Target(
                f'fp32 labels equal on at least {AGREEMENT:.1%} of the pixels',
                ours.agreement >= AGREEMENT,
                f'{ours.agreement:.3%}',
                subject,
            )
        )
    if ours and int8:
        found.append(_ratio('int8 against our fp32', subject, int8, ours, (INT8_RATIO,) * 2))
        if ours.miou is not None and int8.miou is not None:
            loss = ours.miou - int8.miou
            found.append(
                Target(
                    f'int8 loses at most {100 * INT8_LOSS:g} point of mIoU',
                    loss <= INT8_LOSS,
                    f'{ours.miou:.4f} - {int8.miou:.4f} = {loss:.4f}',
                    subject,
                )
            )
    found += _of_openvino(here, subject)
    if ours:
        found.append(_outside(ours.stages_ms, subject))
    return found


def _of_openvino(here: Mapping[tuple[str, str], Row], subject: str) -> list[Target]:
    ours, plain = here.get((OURS, 'fp32')), here.get(('onnxruntime', 'fp32'))
    fast = here.get((OURS_OPENVINO, 'fp32'))
    int8, fast8 = here.get((OURS, 'int8')), here.get((OURS_OPENVINO, 'int8'))
    small = subject.startswith('espnetv2')
    found = []
    for what, own, other, least in (
        ('OpenVINO against plain ONNX Runtime', fast, plain, OPENVINO_RATIO),
        ('OpenVINO against our ONNX Runtime', fast, ours,
         ESPNETV2_RATIO if small else OPENVINO_OWN_RATIO),
        ('int8 in OpenVINO against ONNX Runtime', fast8, int8, OPENVINO_INT8_RATIO),
    ):  # fmt: skip
        if own and other:
            found.append(_ratio(what, subject, own, other, least))
            if own.miou is not None and other.miou is not None:
                found.append(_miou_kept(what, subject, own.miou, other.miou))
    if fast and not small and 'bf16' in fast.peak_shares:
        share = fast.peak_shares['bf16']
        found.append(
            Target(
                f'OpenVINO: at least {PEAK_SHARE:.0%} of the bfloat16 matrix peak over the frame',
                share >= PEAK_SHARE,
                f'{share:.1%}',
                subject,
            )
        )
    if fast:
        found.append(_outside(fast.stages_ms, subject, 'OpenVINO: ', OPENVINO_OUTSIDE_SHARE))
    return found


def _miou_kept(what: str, subject: str, own: float, other: float) -> Target:
    return Target(
        f'{what}: loses at most {100 * OPENVINO_LOSS:g} points of mIoU',
        other - own <= OPENVINO_LOSS,
        f'{own:.4f} - {other:.4f} = {own - other:.4f}',
        subject,
    )


def _ratio(what: str, subject: str, ours: Row, other: Row, wanted: tuple[float, float]) -> Target:
    """Compare speeds; the ratios that are wanted are those of median and 5th percentile."""
    assert ours.fps is not None
    assert other.fps is not None
    assert ours.ms_p5 is not None
    assert other.ms_p5 is not None
    ratio = ours.fps / other.fps
    # Other work on the machine disturbs the fastest frames least, and some contenders most.
    undisturbed = other.ms_p5 / ours.ms_p5
    return Target(
        f'{what}: at least {wanted[0]:g} times as fast at the median, {wanted[1]:g} at the 5th '
        'percentile',
        ratio >= wanted[0] and undisturbed >= wanted[1],
        f'{ours.fps:.2f} / {other.fps:.2f} FPS = {ratio:.2f}, {undisturbed:.2f}',
        subject,
    )
