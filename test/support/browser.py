# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that tests look at pages with, over its debugging pipe."""

import base64
import json
import os
from pathlib import Path
import select
import shutil
import subprocess
import time
from typing import Any

import pytest

PATIENCE_S = 60.0
_FLAGS = (
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--hide-scrollbars', '--remote-debugging-pipe',
)  # fmt: skip


def find() -> str | None:
    """Path of a Chromium, or None."""
    names = ('chromium', 'chromium-browser', 'google-chrome')
    return next((path for path in map(shutil.which, names) if path), None)


class Browser:
    """One page; what it complains about is in ``complaints``."""

    def __init__(self, program: str, profile: Path) -> None:
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()
        # Chromium reads its commands from descriptor 3 and answers on 4.
        shell = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
        self._process = subprocess.Popen(
            ['bash', '-c', shell, program, *_FLAGS, f'--user-data-dir={profile}'],
            pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        self._buffer = b''
        self._next = 0
        self._session = ''
        self._events: list[str] = []
        self.complaints: list[str] = []
        self._allowed: tuple[str, ...] = ('data:', 'file:')
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def call(self, method: str, **parameters: Any) -> Any:
        """Send one command and return its result."""
        self._next += 1
        command = {'id': self._next, 'method': method, 'params': parameters}
        if self._session:
            command['sessionId'] = self._session
        os.write(self._out, json.dumps(command).encode() + b'\0')
        while True:
            answer = self._read()
            if answer.get('id') == self._next:
                if 'error' in answer:
                    raise AssertionError(f'{method}: {answer["error"]}')
                return answer['result']
            self._note(answer)

    def open(self, path: Path, *, width: int, height: int, scheme: str = 'light') -> None:
        """Load a file at a size in pixels, in the light or dark colour scheme."""
        self.visit(path.as_uri(), width=width, height=height, scheme=scheme)

    def visit(
        self, url: str, *, width: int = 1000, height: int = 700, scheme: str = 'light'
    ) -> None:
        """Load an address; whatever it loads from elsewhere is a complaint."""
        self._allowed = ('data:', 'file:' if url.startswith('file:') else url)
        self.complaints.clear()
        self._events.clear()
        self.call(
            'Emulation.setDeviceMetricsOverride', width=width, height=height,
            deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        feature = {'name': 'prefers-color-scheme', 'value': scheme}
        self.call('Emulation.setEmulatedMedia', features=[feature])
        self.call('Page.navigate', url=url)
        while 'Page.loadEventFired' not in self._events:
            self._note(self._read())

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a place of the window."""
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def screenshot(self, path: Path) -> None:
        """Write the whole page as PNG."""
        answer = self.call('Page.captureScreenshot', captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer['data']))

    def close(self) -> None:
        """End the process."""
        os.close(self._out)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while b'\0' not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(end - time.monotonic(), 0))
            data = os.read(self._in, 1 << 20) if ready else b''
            if not data:
                raise AssertionError('the browser does not answer')
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b'\0')
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, parameters = event.get('method', ''), event.get('params', {})
        self._events.append(method)
        if method == 'Runtime.exceptionThrown':
            self.complaints.append(str(parameters['exceptionDetails']))
        elif method == 'Runtime.consoleAPICalled' and parameters['type'] in ('error', 'warning'):
            self.complaints.append(str(parameters['args']))
        elif method == 'Log.entryAdded' and parameters['entry']['level'] in ('error', 'warning'):
            self.complaints.append(str(parameters['entry']))
        elif method == 'Network.requestWillBeSent':
            url = parameters['request']['url']
            if not url.startswith(self._allowed):
                self.complaints.append(f'asks for {url}')


@pytest.fixture
def chromium(tmp_path):
    """One page of a Chromium, where the machine has one."""
    program = find()
    if program is None:
        pytest.skip('there is no Chromium on this machine')
    opened = Browser(program, tmp_path / 'profile')
    yield opened
    opened.close()
