# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in processes of their own, over real DDS, apart from any other graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import importlib.util
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from typing import Any

from domains import take_domain
import numpy as np
import pytest

from rtseg_ros.installation import profile_variable

ROOT = Path(__file__).parents[2]
# DDS reads these when the first participant is made, in this process and in the children.
os.environ['ROS_DOMAIN_ID'] = str(take_domain())
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ[profile_variable()] = str(ROOT / 'config' / 'fastdds_images.xml')
os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)
os.environ['RCUTILS_LOGGING_BUFFERED_STREAM'] = '0'

if importlib.util.find_spec('rclpy'):  # else every test module skips with that reason
    from diagnostic_msgs.msg import DiagnosticArray
    from rcl_interfaces.srv import SetParameters
    import rclpy
    from rclpy.node import Node
    from rclpy.parameter import Parameter
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from rtseg_ros.frames.image_message import pixels_from_image
    from rtseg_ros.harness.lifecycle_client import LifecycleClient
    from rtseg_ros.nodes.messages import image_from_array

PATIENCE_S = 30.0  # discovery alone takes 3 to 10 s on a busy machine


class NodeProcess:
    """One node as `python -m module`; its output is read from a file."""

    def __init__(self, module: str, arguments: list[str], log: Path) -> None:
        self.log = log
        self._file = log.open('wb')
        self._process = subprocess.Popen(
            [sys.executable, '-m', module, '--ros-args', *arguments],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def text(self) -> str:
        return self.log.read_text(errors='replace')

    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit status; kill after PATIENCE_S."""
        if self.alive():
            self._process.send_signal(number)
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)  # with what it started
            self._process.wait()
            raise
        finally:
            self._file.close()

    def ended(self) -> int:
        """Wait until it ends by itself and return its exit status."""
        return self._process.wait(PATIENCE_S)

    def wait_for_text(self, pattern: str) -> str:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = re.search(pattern, self.text())
            if found:
                return found.group()
            time.sleep(0.05)
        raise AssertionError(f'no {pattern!r} in the log:\n{self.text()[-3000:]}')


class Robot:
    """A graph's other side: a camera, a listener, and a lifecycle manager for one node."""

    def __init__(self, node: Node, managed: str) -> None:
        self.node = node
        self.managed = managed
        self.lifecycle = LifecycleClient(node, managed)
        self.masks: list[Image] = []
        self.diagnostics: dict[str, str] = {}
        self.statuses: dict[str, dict[str, str]] = {}
        self.message = ''
        self.level = b''
        self.process: NodeProcess | None = None
        self._stamp = 1000
        self._topics: list[Any] = []
        reliable = QoSProfile(depth=50)
        self.camera = node.create_publisher(Image, 'image', reliable)
        self.mask_subscription = self.listen(Image, f'{managed}/mask', self.masks)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, reliable)

    def listen(
        self, kind: type, topic: str, store: list[Any], *, qos: QoSProfile | None = None
    ) -> Any:
        return self.node.create_subscription(
            kind, topic, store.append, qos or QoSProfile(depth=50)
        )

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = {item.key: item.value for item in status.values}
            if status.name == self.managed.strip('/'):
                self.diagnostics = {item.key: item.value for item in status.values}
                self.message, self.level = status.message, status.level

    def until(
        self, condition: Callable[[], Any], *, what: str, timeout_s: float = PATIENCE_S
    ) -> Any:
        """Spin until the condition holds and return it."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            rclpy.spin_once(self.node, timeout_sec=0.02)
        raise AssertionError(
            f'{what}: not within {timeout_s} s; diagnostics {self.message} {self.diagnostics}'
        )

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.02)

    def set_parameter(self, name: str, value: Any) -> str:
        """Set a parameter of the managed node; return why it was refused, or nothing."""
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        result = self.call(SetParameters, 'set_parameters', request).results[0]
        return '' if result.successful else result.reason

    def set_parameter_while(self, name: str, value: Any, work: Callable[[], None]) -> None:
        """Set a parameter and call ``work`` until the answer is there."""
        client = self.node.create_client(SetParameters, f'{self.managed}/set_parameters')
        self.until(client.service_is_ready, what='the parameter service')
        message = Parameter(name, value=value).to_parameter_msg()
        future = client.call_async(SetParameters.Request(parameters=[message]))
        while not future.done():
            work()
        assert future.result().results[0].successful
        self.node.destroy_client(client)

    def reconfigure(self, **parameters: Any) -> None:
        """Take the node down to unconfigured, set parameters, start it again."""
        self.unconfigure()
        for name, value in parameters.items():
            assert self.set_parameter(name, value) == ''
        self.start()

    def unconfigure(self) -> None:
        """Take the node down to unconfigured from whatever state it is in."""
        state = self.lifecycle.state()
        if state == 'active':
            self.lifecycle.change('deactivate')
        if state in ('active', 'inactive'):
            self.lifecycle.change('cleanup')

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service of the managed node and return its answer."""
        client = self.node.create_client(kind, f'{self.managed}/{name}')
        self.until(client.service_is_ready, what=f'the service {name}')
        for _ in range(5):  # DDS drops answers to an asker it has not discovered yet
            future = client.call_async(request)
            end = time.monotonic() + 5
            while not future.done() and time.monotonic() < end:
                rclpy.spin_once(self.node, timeout_sec=0.02)
            if future.done():
                break
        self.node.destroy_client(client)
        assert future.done(), f'{name} does not answer'
        return future.result()

    def start(self) -> None:
        """Configure, activate, and wait until images get through."""
        self.lifecycle.change('configure')
        self.lifecycle.change('activate')
        self.ready()

    def ready(self) -> None:
        """Wait until images get through: best effort loses those before both sides matched."""
        self.until(self.camera.get_subscription_count, what='the node subscribes to image')
        pixels = np.zeros((120, 160, 3), np.uint8)
        sent: list[Header] = []

        def answered() -> bool:
            sent.append(self.header())
            self.camera.publish(image_from_array(pixels, 'bgr8', header=sent[-1]))
            self.spin(0.1)
            # Of any of them: a slow model takes longer than until the next one.
            return any(mask.header in sent for mask in self.masks[-5:])

        self.until(answered, what='the first mask')

    def label_of(self, color: tuple[int, int, int]) -> int:
        """Publish a frame of one BGR colour and return the only label of its mask."""
        labels = np.unique(self.labels_of(np.full((20, 30, 3), color, np.uint8)))
        assert len(labels) == 1
        return int(labels[0])

    def next_diagnostics(self) -> dict[str, str]:
        """Values of the next diagnostics."""
        self.diagnostics = {}
        return self.until(lambda: self.diagnostics, what='diagnostics')

    def until_message(self, pattern: str) -> None:
        """Wait until the diagnostics say this."""
        self.until(lambda: re.search(pattern, self.message), what=f'the message {pattern!r}')

    def header(self) -> Header:
        """A header with a stamp never used before."""
        self._stamp += 1
        header = Header(frame_id='camera_optical')
        header.stamp.sec, header.stamp.nanosec = self._stamp, 5
        return header

    def answer(self, message: Image) -> Image:
        """Publish one image and return the mask with its stamp."""
        self.camera.publish(message)
        return self.mask_of(message)

    def mask_of(self, message: Image) -> Image:
        return self.until(
            lambda: next((m for m in self.masks if m.header == message.header), None),
            what=f'the mask of stamp {message.header.stamp.sec}',
        )

    def labels_of(self, frame: np.ndarray) -> np.ndarray:
        """Publish a BGR frame and return the labels of its mask."""
        message = image_from_array(frame, 'bgr8', header=self.header())
        return pixels_from_image(self.answer(message))

    def counts(self) -> dict[str, int]:
        """Next diagnostics' counts."""
        self.next_diagnostics()
        names = (
            'received',
            'published',
            'superseded',
            'skipped',
            'stale',
            'rejected',
            'failed',
            'in_flight',
        )
        return {name: int(self.diagnostics[name]) for name in names}

    def settled_counts(self) -> dict[str, int]:
        """Counts once no frame is in work any more."""
        return self.until(
            lambda: next((c for c in [self.counts()] if not c['in_flight']), None),
            what='the last frame is done',
        )


@pytest.fixture(scope='session')
def other_domain() -> str:
    """A DDS domain in which nothing else runs, not the nodes that tests share either."""
    return str(take_domain())


@pytest.fixture(scope='session')
def ros() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


@contextmanager
def launched_nodes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., NodeProcess]]:
    """Yield a function that starts a node; afterwards all of them are stopped."""
    started: list[NodeProcess] = []

    def launch(
        name: str, *, namespace: str = '', extra: tuple[str, ...] = (), **parameters: Any
    ) -> NodeProcess:
        arguments = ['-r', f'__ns:={namespace}'] if namespace else []
        arguments += extra
        for key, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            arguments += ['-p', f'{key}:={text}']
        log = tmp_path_factory.mktemp(name) / 'log.txt'
        started.append(NodeProcess(f'rtseg_ros.nodes.{name}', arguments, log))
        return started[-1]

    yield launch
    running = [process for process in started if process.alive()]
    for process in running:
        process.send(signal.SIGINT)
    for process in running:
        process.stop()


@contextmanager
def made_robots() -> Iterator[Callable[[str], Robot]]:
    """Yield a function that makes the other side of the graph in a namespace."""
    nodes: list[Node] = []

    def make(namespace: str) -> Robot:
        nodes.append(rclpy.create_node('robot', namespace=namespace))
        return Robot(nodes[-1], f'{namespace}/segmentation')

    yield make
    for node in nodes:
        node.destroy_node()


# A node that idles costs the tests after it a percent of a core, so none outlives its module.
@pytest.fixture(scope='module')
def launch_node(
    ros: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., NodeProcess]]:
    """Return a function that starts a node: ``launch_node('segmentation_node', model=...)``."""
    with launched_nodes(tmp_path_factory) as launch:
        yield launch


@pytest.fixture(scope='module')
def make_robot(ros: None) -> Iterator[Callable[[str], Robot]]:
    """Return a function that makes the other side of the graph in a namespace."""
    with made_robots() as make:
        yield make


@pytest.fixture(scope='session')
def bench(
    ros: None, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Iterator[Robot]:
    """Return the other side of one node that many tests share; they reconfigure it."""
    with launched_nodes(tmp_path_factory) as launch, made_robots() as make:
        process = launch('segmentation_node', namespace='/bench', model=tiny_model)
        robot = make('/bench')
        robot.process = process
        yield robot


LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
arguments = [word.split(':=', 1) for word in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(LaunchDescription([
    IncludeLaunchDescription(
        PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=arguments
    )
]))
sys.exit(service.run())
"""


@pytest.fixture
def launch_environment(tmp_path):
    """Return the environment of a launch: with an ament prefix that holds this package."""
    share = tmp_path / 'prefix' / 'share'
    (share / 'ament_index' / 'resource_index' / 'packages').mkdir(parents=True)
    (share / 'ament_index' / 'resource_index' / 'packages' / 'rtseg_ros').touch()
    (share / 'rtseg_ros').mkdir()
    for name in ('launch', 'config', 'package.xml'):
        (share / 'rtseg_ros' / name).symlink_to(ROOT / name)
    programs = tmp_path / 'prefix' / 'lib' / 'rtseg_ros'
    programs.mkdir(parents=True)
    for name in ('segmentation_node', 'evaluation_node', 'bag_player', 'conversion_node'):
        (programs / name).write_text(
            f'#!{sys.executable}\nimport sys\n'
            f'from rtseg_ros.nodes.start import {name}\nsys.exit({name}())\n'
        )
        (programs / name).chmod(0o755)
    prefixes = [str(tmp_path / 'prefix'), os.environ['AMENT_PREFIX_PATH']]
    return os.environ | {
        'AMENT_PREFIX_PATH': os.pathsep.join(prefixes),
        'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]),
        'ROS_LOG_DIR': str(tmp_path / 'log'),
    }


def launch_command(file: str, **arguments: object) -> list[str]:
    """Return the command that runs a launch file of this package with the real launch."""
    words = [f'{name}:={value}' for name, value in arguments.items()]
    return [sys.executable, '-c', LAUNCH, str(ROOT / 'launch' / file), *words]


@pytest.fixture
def launch_installed(launch_environment, tmp_path):
    """Return a function that runs a launch file to its end, from an ament prefix of its own."""

    def run(file, **arguments):
        return subprocess.run(
            launch_command(file, **arguments),
            env=launch_environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=180, cwd=tmp_path,
        )  # fmt: skip

    return run
