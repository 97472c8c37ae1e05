"""ESPNet and ESPNetv2 with the weights that their authors published."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rtseg_ros.frames.datasets.camvid import load_camvid
from rtseg_ros.metrics.confusion_matrix import ConfusionMatrix
from rtseg_ros.networks import create_network
from rtseg_ros.networks.espnet import ESPNet
from rtseg_ros.runtime.preprocess import (
    IMAGENET_MEAN_RGB,
    IMAGENET_STD_RGB,
    Preprocessing,
    image_from_frame,
)

DATA = Path(__file__).parents[3] / 'shared' / 'data'
# shared/data/README.md: BGR, normalised on 0..255 and then divided by 255 as well
CAMVID = Preprocessing((360, 480), 'bgr', (109.40, 107.42, 105.09), (77.16, 78.36, 77.03), 1 / 255)
CITYSCAPES = Preprocessing(
    (512, 1024), 'bgr', (72.392, 82.909, 73.158), (45.319, 46.153, 44.915), 1 / 255
)


def published(name: str) -> dict[str, torch.Tensor]:
    path = DATA / 'weights' / name
    if not path.exists():
        pytest.skip(f'{path} is not here: weights published by the authors')
    return torch.load(path, map_location='cpu', weights_only=True)


def labels_of(network, frame, preprocessing):
    with torch.inference_mode():
        logits = network(torch.from_numpy(image_from_frame(frame, preprocessing)))
    return logits.argmax(dim=1)[0].numpy().astype(np.uint8)


def test_revisions():
    early, late = published('espnet_p_2_q_8_camvid.pth'), published('espnet_p_2_q_8.pth')
    create_network('espnet', 20).load_state_dict(late)
    with pytest.raises(RuntimeError, match='size mismatch'):
        create_network('espnet', 12).load_state_dict(early)


def test_camvid_val_68_80():
    """Per class as the authors' own code scores on the same files."""
    weights = published('espnet_p_2_q_8_camvid.pth')
    network = ESPNet(12, early_revision=True).eval()
    network.load_state_dict(weights)
    val = load_camvid(DATA / 'camvid', 'val')
    matrix = ConfusionMatrix(11)
    for index in range(len(val)):
        matrix.add(val.labels(index), labels_of(network, val.frame(index), CAMVID))
    assert len(val) == 101
    assert 100 * matrix.miou() == pytest.approx(68.80, abs=0.05)
    expected = [94.5, 83.9, 9.9, 96.5, 86.0, 90.6, 36.9, 68.1, 78.9, 43.7, 67.7]
    assert (100 * matrix.iou()).tolist() == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ('name', 'file', 'preprocessing'),
    [
        ('espnet', 'espnet_p_2_q_8.pth', CITYSCAPES),
        (
            'espnetv2',
            'espnetv2_s_2.0_city_1024x512.pth',
            Preprocessing((512, 1024), 'rgb', IMAGENET_MEAN_RGB, IMAGENET_STD_RGB),
        ),
    ],
)
def test_cityscapes_weights_label_a_street(name, file, preprocessing):
    """A frame of the validation set; its ground truth is at an eighth of the size.

    ESPNet has 83 %: it takes the large yellow car for a bus. The wrong channel order gives 75 %.
    """
    network = create_network(name, 20).eval()
    network.load_state_dict(published(file))
    folder = DATA / 'cityscapes_sample'
    (frame_path,) = folder.glob('full_*_leftImg8bit.png')
    (truth_path,) = folder.glob('*labelTrainIds.png')
    truth = cv2.imread(str(truth_path), cv2.IMREAD_GRAYSCALE)
    labels = labels_of(network, cv2.imread(str(frame_path)), preprocessing)[2::4, 2::4]
    assert labels.shape == truth.shape
    matrix = ConfusionMatrix(19)
    matrix.add(truth, labels)
    assert matrix.pixel_accuracy() > 0.8


def test_dilations_of_espnetv2_follow_the_limit_of_the_receptive_field():
    """Branches see 3, 5, 7 and 9 pixels; beyond a level's limit 3 again, smallest first."""
    with torch.device('meta'):
        trunk = create_network('espnetv2', 20).base_net
    levels = [
        (13, [trunk.level2_0.eesp]),
        (11, [trunk.level3_0.eesp]),
        (9, [*trunk.level3, trunk.level4_0.eesp]),
        (7, trunk.level4),
    ]
    for limit, units in levels:
        sizes = sorted(size if size <= limit else 3 for size in (3, 5, 7, 9))
        for unit in units:
            assert [branch.conv.dilation[0] * 2 + 1 for branch in unit.spp_dw] == sizes
