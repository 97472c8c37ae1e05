# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A segmentation node as people write it: rclpy, the lines of cv_bridge, and torch.

The peer that the benchmark runs beside our node; it is not meant for robots.
"""

import json
from pathlib import Path
import sys

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image
import torch

from rtseg_ros.benchmark.contenders.cpu import normalised
from rtseg_ros.benchmark.subject import load_network
from rtseg_ros.runtime.preprocess import preprocessing_from_dict


class PlainNode(Node):
    """Labels every image in the callback, on one thread, with torch in eager mode."""

    def __init__(self, subject: dict) -> None:
        super().__init__('segmentation')
        self._network = load_network(
            subject['network'], subject['checkpoint'], int(subject['num_outputs'])
        )
        self._preprocessing = preprocessing_from_dict(subject['preprocessing'])
        self._publisher = self.create_publisher(Image, '~/mask', 10)
        self.create_subscription(Image, 'image', self._on_image, 10)

    def _on_image(self, message: Image) -> None:
        # What cv_bridge's imgmsg_to_cv2 and cv2_to_imgmsg do for bgr8 and mono8.
        shape = (message.height, message.width, 3)
        frame = np.ndarray(shape, np.uint8, buffer=message.data).copy()
        image = torch.from_numpy(normalised(frame, self._preprocessing))
        with torch.no_grad():
            scores = self._network(image)
        if scores.shape[2:] != frame.shape[:2]:
            scores = torch.nn.functional.interpolate(scores, frame.shape[:2], mode='bilinear')
        labels = scores.argmax(dim=1)[0].to(torch.uint8).cpu().numpy()
        mask = Image(header=message.header, height=labels.shape[0], width=labels.shape[1])
        mask.encoding = 'mono8'
        mask.step = labels.shape[1]
        mask.data.frombytes(labels.tobytes())
        self._publisher.publish(mask)


def main() -> int:
    """Run the node until SIGINT or SIGTERM; the first argument is the subject as JSON."""
    subject = json.loads(Path(sys.argv[1]).read_text(encoding='utf-8'))
    rclpy.init()
    try:
        rclpy.spin(PlainNode(subject))
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
