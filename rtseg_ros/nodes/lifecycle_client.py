"""Drives a managed node through its services, as a lifecycle manager does."""

import time
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
import rclpy
from rclpy.node import Node

from rtseg_ros.errors import RtsegError

TRANSITIONS = {
    'configure': Transition.TRANSITION_CONFIGURE,
    'activate': Transition.TRANSITION_ACTIVATE,
    'deactivate': Transition.TRANSITION_DEACTIVATE,
    'cleanup': Transition.TRANSITION_CLEANUP,
}


class LifecycleError(RtsegError):
    """A managed node did not answer, or refused a transition."""


class LifecycleClient:
    """Asks one managed node to change state; spins the calling node while it waits."""

    def __init__(self, node: Node, managed: str) -> None:
        """Create the clients.

        Args:
            node: Used to call; nobody else may be spinning it.
            managed: Name of the managed node, relative to the caller's namespace or absolute.
        """
        self._node = node
        self._managed = managed
        self._change = node.create_client(ChangeState, f'{managed}/change_state')
        self._get = node.create_client(GetState, f'{managed}/get_state')

    def change(self, transition: str, *, timeout_s: float = 60.0) -> None:
        """Carry out ``configure``, ``activate``, ``deactivate`` or ``cleanup``.

        Raises:
            LifecycleError: If there is no answer in time, or the node refuses.
        """
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
        if not self._call(self._change, request, timeout_s).success:
            raise LifecycleError(
                f"'{self._managed}' refused to {transition}; its log says why. "
                f'It is {self.state(timeout_s=timeout_s)}'
            )

    def state(self, *, timeout_s: float = 60.0) -> str:
        """Return the label of the present state, e.g. ``inactive``.

        Raises:
            LifecycleError: If there is no answer in time.
        """
        return str(self._call(self._get, GetState.Request(), timeout_s).current_state.label)

    def _call(self, client: Any, request: Any, timeout_s: float) -> Any:
        end = time.monotonic() + timeout_s
        while not client.service_is_ready():
            if time.monotonic() > end:
                raise LifecycleError(
                    f"no managed node '{self._managed}' within {timeout_s:.0f} s; is it running, "
                    'with the same ROS_DOMAIN_ID?'
                )
            rclpy.spin_once(self._node, timeout_sec=0.1)
        future = client.call_async(request)
        rclpy.spin_until_future_complete(
            self._node, future, timeout_sec=max(end - time.monotonic(), 0.1)
        )
        if not future.done():
            raise LifecycleError(f"'{self._managed}' did not answer within {timeout_s:.0f} s")
        return future.result()
