# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of every node and of the converter with all kinds of values: taken, or refused."""

from dataclasses import fields
from types import SimpleNamespace

from fuzzing import NUMBERS
from hypothesis import strategies as st
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='ROS 2 (rclpy) is not installed')

from rtseg_ros.conversion.settings import ConversionSettings
from rtseg_ros.errors import EngineError, SettingError
from rtseg_ros.nodes.bag_player import PlayerParameters
from rtseg_ros.nodes.evaluation_node import EvaluationParameters
from rtseg_ros.nodes.parameters import SegmentationParameters, VideoParameters, read_parameters
from rtseg_ros.nodes.spatial.parameters import GroundParameters, PointsParameters
from rtseg_ros.runtime.openvino.options import OpenVinoOptions
from rtseg_ros.runtime.tensorrt.options import TensorRtOptions

# With what is called when they are used.
KINDS = {
    SegmentationParameters: ('geometry', 'camera_names'), GroundParameters: ('extent',),
    PointsParameters: (), VideoParameters: (), PlayerParameters: (), EvaluationParameters: (),
    ConversionSettings: (), TensorRtOptions: (), OpenVinoOptions: (),
}  # fmt: skip
WORDS = ['', 'auto', 'none', 'x', '640 480', '0 0', '-1 5', '1e9 1', 'nan', '99999999999 1',
         '1 2 3 4', '10 10 20 20', 'a/b', '../x', '\0', '\n', 'ä', '~', '{',
         '9' * 5000, 'x' * 9999]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=12))
WHOLES = st.one_of(
    st.integers(-5, 400), st.sampled_from([n for n in NUMBERS if n < 2**63] + [-(2**63)])
)
REALS = st.one_of(
    st.floats(), st.sampled_from([0.0, 1.0, 1e-320, 1e308, np.nan, np.inf, -np.inf, -1.0])
)


def values_of(default):
    """Values of the type of a default, which is what ROS lets through."""
    if isinstance(default, tuple):
        return st.lists(values_of(default[0]), max_size=4)
    for kind, values in ((bool, st.booleans()), (int, WHOLES), (float, REALS)):
        if isinstance(default, kind):
            return values
    return TEXTS


@st.composite
def given_values(draw, kind):
    """Defaults of a dataclass, with some values in their place."""
    values = {item.name: item.default for item in fields(kind)}
    names = draw(st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=3))
    return values | {name: draw(values_of(values[name])) for name in names}


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.__name__)
def test_parameters(fuzz, kind):
    def read(values):
        node = SimpleNamespace(get_parameter=lambda name: SimpleNamespace(value=values[name]))
        settings = read_parameters(node, kind)
        for name in KINDS[kind]:
            getattr(settings, name)()

    errors = (SettingError, EngineError)  # the second from the options of engines
    fuzz(given_values(kind), read, *errors)
