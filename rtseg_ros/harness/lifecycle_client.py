# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Drives a managed node through its services, as a lifecycle manager does."""

import time
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
import rclpy
from rclpy.node import Node

from rtseg_ros.errors import RtsegError
from rtseg_ros.nodes.reminder import Reminder

# Name -> (id, state that it leads to).
TRANSITIONS = {
    'configure': (Transition.TRANSITION_CONFIGURE, 'inactive'),
    'activate': (Transition.TRANSITION_ACTIVATE, 'active'),
    'deactivate': (Transition.TRANSITION_DEACTIVATE, 'inactive'),
    'cleanup': (Transition.TRANSITION_CLEANUP, 'unconfigured'),
}
# DDS drops an answer for which it has not discovered the asker yet, on a busy machine.
ANSWER_S = 5.0


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
        self._change: Any = node.create_client(ChangeState, f'{managed}/change_state')
        self._get: Any = node.create_client(GetState, f'{managed}/get_state')

    def change(self, transition: str, *, timeout_s: float = 60.0) -> None:
        """Carry out ``configure``, ``activate``, ``deactivate`` or ``cleanup``.

        Raises:
            LifecycleError: If there is no answer in time, or the node refuses.
        """
        number, target = TRANSITIONS[transition]
        end = time.monotonic() + timeout_s
        answer = self._send(
            self._change, ChangeState.Request(transition=Transition(id=number)), end
        )
        self._wait(answer, min(end, time.monotonic() + ANSWER_S))
        if answer.done():
            success = answer.result().success
        else:
            success = self._came_to(target, answer, end)
        if not success:
            raise LifecycleError(
                f"'{self._managed}' refused to {transition}; its log says why. "
                f'It is {self.state(timeout_s=timeout_s)}'
            )

    def _came_to(self, target: str, answer: Any, end: float) -> bool:
        """Tell from its state whether a node that has not answered did what it was asked.

        While it is busy it does not tell its state either; and a request can reach it after the
        first question, so that there is a second one.
        """
        for _ in range(2):
            if self.state(timeout_s=end - time.monotonic()) == target:
                return True
            self._wait(answer, min(end, time.monotonic() + ANSWER_S))
            if answer.done():
                return bool(answer.result().success)
        return False

    def state(self, *, timeout_s: float = 60.0) -> str:
        """Return the label of the present state, e.g. ``inactive``.

        Raises:
            LifecycleError: If there is no answer in time.
        """
        end, reminder = time.monotonic() + timeout_s, Reminder(self._node)
        while True:
            reminder.waiting_for(f"the state of '{self._managed}'; it may be loading its model")
            answer = self._send(self._get, GetState.Request(), end)
            self._wait(answer, min(end, time.monotonic() + ANSWER_S))
            if answer.done():
                return str(answer.result().current_state.label)
            if time.monotonic() > end:
                raise LifecycleError(f"'{self._managed}' did not answer within {timeout_s:.0f} s")

    def _send(self, client: Any, request: Any, end: float) -> Any:
        start, reminder = time.monotonic(), Reminder(self._node)
        while not client.service_is_ready():
            reminder.waiting_for(f"the managed node '{self._managed}' to appear")
            if time.monotonic() > end:
                raise LifecycleError(
                    f"no managed node '{self._managed}' within {end - start:.0f} s; is it "
                    'running, with the same ROS_DOMAIN_ID?'
                )
            rclpy.spin_once(self._node, timeout_sec=0.1)
        return client.call_async(request)

    def _wait(self, future: Any, end: float) -> None:
        rclpy.spin_until_future_complete(
            self._node, future, timeout_sec=max(end - time.monotonic(), 0.1)
        )
