# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""The parity gate on a network whose answers are known."""

import numpy as np
import pytest
import torch

from rtseg_ros.conversion.network_draft import compare, engine_inference, onnxruntime_inference
from rtseg_ros.conversion.parity import JUDGED_SHARE
from rtseg_ros.errors import ConversionError
from rtseg_ros.frames.sources import Item
from rtseg_ros.labels import LabelSet
from rtseg_ros.networks.network import SegmentationNetwork
from rtseg_ros.runtime.model_file import ModelMetadata, read_model_file
from rtseg_ros.runtime.onnx_engine import OnnxEngine
from rtseg_ros.runtime.preprocess import Preprocessing

LABELS = LabelSet('bgr', ('blue', 'green', 'red'), ((0, 0, 255), (0, 255, 0), (255, 0, 0)))
SIZE = (40, 50)


class Brightest(SegmentationNetwork):
    """Scores are the channels themselves, so that the brightest one is the class."""

    def decode(self, image):
        extra = image[:, :1] * 0 - 1000
        return torch.cat([image, extra], dim=1) if self.num_classes == 4 else image


def metadata_of(**changes):
    preprocessing = Preprocessing(SIZE, 'bgr', (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return ModelMetadata('brightest', LABELS, preprocessing, **changes)


def frame_of():
    """Rows 0 to 19 blue, 20 to 29 green, 30 to 39 red: 1000, 500 and 500 pixels."""
    frame = np.zeros((*SIZE, 3), np.uint8)
    frame[:20, :, 0], frame[20:30, :, 1], frame[30:, :, 2] = 200, 200, 200
    return frame


def items(count=1, truth=None):
    return [Item(str(i), None, False, frame_of, lambda: truth, lambda: None) for i in range(count)]


def exact(image):
    logits = image.transpose(0, 3, 1, 2).astype(np.float32)
    return logits, logits.argmax(axis=1).astype(np.uint8)


def compared(infer, *, tolerance=0.9, chosen=None, metadata=None):
    metadata = metadata or metadata_of()
    outputs = 3 + (metadata.unlabelled_output is not None)
    return compare(
        Brightest(outputs).eval(),
        infer,
        metadata,
        chosen or items(),
        engine='by hand',
        source='made',
        tolerance=tolerance,
        progress=lambda done, total: None,
    )


def test_equal():
    found = compared(exact, tolerance=1.0, chosen=items(3))
    assert found.passed
    assert found.agreement == {'blue': 1.0, 'green': 1.0, 'red': 1.0}
    assert (found.frames, found.pixels, found.different_pixels) == (3, 3 * 2000, 0)
    assert (found.logit_difference, found.logit_size) == (0.0, 200.0)
    assert found.miou == {}
    assert found.to_dict()['engine'] == 'by hand'


def test_a_class_that_moved():
    """100 of 500 green pixels become red: green 400/500, red 500/600, blue untouched."""

    def infer(image):
        logits, labels = exact(image)
        labels[0, 20:22] = 2
        logits[0, 1, 20, 0] += 7.5
        return logits, labels

    found = compared(infer, tolerance=0.82)
    assert found.agreement == {'blue': 1.0, 'green': 0.8, 'red': pytest.approx(5 / 6)}
    assert found.failed == ('green',)
    assert not found.passed
    assert (found.different_pixels, found.ties) == (100, 0)
    assert found.logit_difference == 7.5
    assert 'lowest for green, 0.8000' in found.summary()
    assert compared(infer, tolerance=0.79).passed


def test_pixels_that_torch_cannot_tell_apart_are_ties():
    frame = frame_of()
    frame[0, :5] = (200, 200, 0)  # blue and green alike: torch takes the first
    chosen = [Item('0', None, False, lambda: frame, lambda: None, lambda: None)]

    def infer(image):
        logits, labels = exact(image)
        labels[0, 0, :5] = 1
        labels[0, 39, 0] = 0
        return logits, labels

    found = compared(infer, chosen=chosen)
    assert (found.different_pixels, found.ties) == (6, 5)


def test_few_pixels_are_reported_and_not_judged():
    """10,000 pixels blue but one: a class that one pixel decides cannot fail."""
    frame = np.zeros((100, 101, 3), np.uint8)
    frame[..., 0] = 200
    frame[0, 0] = (0, 0, 250)
    preprocessing = Preprocessing((100, 101), 'bgr', (0.0,) * 3, (1.0,) * 3)
    described = ModelMetadata('brightest', LABELS, preprocessing)
    chosen = [Item('0', None, False, lambda: frame, lambda: None, lambda: None)]

    def infer(image):
        logits, labels = exact(image)
        return logits, np.zeros_like(labels)

    assert 1 / (100 * 101) < JUDGED_SHARE
    found = compared(infer, chosen=chosen, metadata=described)
    assert found.agreement['red'] == 0.0
    assert found.agreement['green'] is None
    assert found.judged == ('blue',)
    assert found.passed


def test_the_unlabelled_output_is_a_class_of_its_own():
    """Output 1 means unlabelled: outputs 0, 1, 2, 3 are blue, nothing, green, red."""
    described = metadata_of(unlabelled_output=1)

    class Shifted(Brightest):
        def decode(self, image):
            blue, green, red = image.split(1, dim=1)
            return torch.cat([blue, green, red, red * 0 - 1], dim=1)

    def infer(image):
        logits, labels = exact(image)
        logits = np.concatenate([logits, logits[:, :1] * 0 - 1], axis=1)
        return logits, np.array([0, 255, 1], np.uint8)[labels]

    found = compare(
        Shifted(4).eval(), infer, described, items(), engine='x', source='x', tolerance=1.0,
        progress=lambda done, total: None,
    )  # fmt: skip
    assert found.agreement == {'blue': 1.0, 'green': 1.0, 'red': None, 'unlabelled': 1.0}
    assert found.passed


def test_miou_of_both_at_the_size_of_the_truth():
    """Truth calls the first 500 of 1000 blue pixels green; the model calls all blue ones red."""
    truth = np.repeat(np.array([1, 0, 1, 2], np.uint8), 10)[:, None].repeat(50, axis=1)
    large = truth.repeat(2, axis=0).repeat(2, axis=1)
    large[:4] = 255  # ignored

    def infer(image):
        logits, _ = exact(image)
        logits[:, 2] += 300 * (logits[:, 0] > 0)
        return logits, logits.argmax(axis=1).astype(np.uint8)

    found = compared(infer, chosen=items(2, large), tolerance=0.01)
    # Per frame, in pixels of the truth / 4: green is right on 500, and torch and model miss the
    # 400 left of the blue ones in the first rows. Torch: blue 500/900, green 500/900, red 500/500.
    assert found.miou['torch'] == pytest.approx((500 / 900 + 500 / 900 + 1) / 3, abs=1e-6)
    # Model: blue 0/500, green 500/900, red 500/1400.
    assert found.miou['model'] == pytest.approx((0 + 500 / 900 + 500 / 1400) / 3, abs=1e-6)
    assert 'mIoU' in found.summary()


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_logits_that_are_no_numbers_never_pass(value):
    def infer(image):
        logits, labels = exact(image)
        logits[0, 0, 0, 0] = value
        return logits, labels

    found = compared(infer, chosen=items(2), tolerance=0.5)
    assert found.logit_difference is None
    assert not found.passed
    assert 'not finite' in found.summary()


def test_a_file_that_cannot_be_loaded():
    with pytest.raises(ConversionError, match='cannot load the exported model'):
        onnxruntime_inference(b'nonsense')


def test_an_engine_is_compared_by_its_logits(make_model):
    """The tiny model of all tests: four classes by colour, logits at stride 4."""
    engine = OnnxEngine(read_model_file(make_model(stride=1)))
    frame = np.zeros((1, 48, 64, 3), np.uint8)
    frame[0, :, 32:, 1] = 250
    logits, labels = engine_inference(engine)(frame)
    assert logits.shape == (1, 4, 48, 64)
    assert (labels[0, :, :32] == 0).all()
    assert (labels[0, :, 32:] == 2).all()
    engine.close()
