# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""A page that shows the newest picture in a browser, served from this process alone."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
import json
import threading
from typing import Any

import cv2
import numpy as np

from rtseg_ros.errors import SettingError
from rtseg_ros.frames.media.encoded import encoded
from rtseg_ros.segmenting.painter import Painter

LOOPBACK = '127.0.0.1'
_NAMES = {LOOPBACK, 'localhost', '[::1]'}
_BOUNDARY = 'frame'
_AGAIN_S = 0.5
_RULES = (
    "default-src 'none'; img-src 'self'; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


class LiveView:
    """Serves the page until it is closed.

    Attributes:
        address: Host and port that it listens on.
    """

    def __init__(self, painter: Painter, *, host: str = LOOPBACK, port: int = 0) -> None:
        """Start to serve.

        Args:
            painter: Its classes and colours are the page's legend.
            host: Address to listen on; beside the loopback, anybody on the network may look.
            port: 0 for a free one.

        Raises:
            SettingError: If it cannot listen there.
        """
        self._news = threading.Condition()
        self._picture: np.ndarray | None = None
        self._number = 0
        self._closed = False
        self._text = 'waiting for the first frame'
        self._classes = [
            {'name': name, 'color': painter.palette_bgr[index, ::-1].tolist()}
            for index, name in enumerate(painter.labels.names)
        ]
        self.local_only = host in (LOOPBACK, 'localhost', '::1')
        handler = type('Handler', (_Handler,), {'view': self})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise SettingError(
                f'the view cannot listen on {host}, port {port} ({error.strerror or error}); '
                'choose another with --view-port or --view-host'
            ) from error
        self._server.daemon_threads = True
        self.address: tuple[str, int] = (host, self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def show(self, picture: np.ndarray, text: str) -> None:
        """Show (H, W, 3) uint8 BGR and a line about it; nobody has to be looking."""
        with self._news:
            self._picture, self._text = picture, text
            self._number += 1
            self._news.notify_all()

    def close(self) -> None:
        """End the server; pages say that it ended."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def state(self) -> bytes:
        """Return what the page asks for, as JSON."""
        return json.dumps({'text': self._text, 'classes': self._classes}).encode()

    def next_jpeg(self, after: int) -> tuple[int, bytes] | None:
        """Wait for a picture newer than number ``after``; None once closed.

        The old one comes again after a while: Chromium shows a picture when the next one begins.
        """
        with self._news:
            while not self._closed:
                came = self._news.wait_for(
                    lambda: self._number > after or self._closed, timeout=_AGAIN_S
                )
                if came or self._picture is not None:
                    break
            if self._closed or self._picture is None:
                return None
            number, picture = self._number, self._picture
        return number, encoded('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 85])


class _Handler(BaseHTTPRequestHandler):
    """Answers the page, its state and its stream; nothing else, and nothing is taken in."""

    view: LiveView

    def do_GET(self) -> None:
        """Answer one request."""
        host = self.headers.get('Host', '').rpartition(':')[0] or self.headers.get('Host', '')
        if self.view.local_only and host not in _NAMES:
            self.send_error(403)  # another site's name that was pointed at this machine
        elif self.path == '/':
            page = files('rtseg_ros.segmenting').joinpath('view.html').read_bytes()
            self._answer('text/html; charset=utf-8', page)
        elif self.path == '/state':
            self._answer('application/json', self.view.state())
        elif self.path == '/stream':
            self._stream()
        elif self.path == '/favicon.ico':
            self.send_response(204)
            self.end_headers()
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Say nothing of requests."""

    def _answer(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(content)))
        self.send_header('Content-Security-Policy', _RULES)
        self.send_header('Cache-Control', 'no-store')
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header('Content-Type', f'multipart/x-mixed-replace; boundary={_BOUNDARY}')
        self.send_header('Cache-Control', 'no-store')
        self.end_headers()
        number = 0
        try:
            self.wfile.write(f'--{_BOUNDARY}\r\n'.encode())
            while (news := self.view.next_jpeg(number)) is not None:
                number, data = news
                head = f'Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n'
                # The boundary behind it makes browsers show it at once, not with the next one.
                self.wfile.write(head.encode() + data + f'\r\n--{_BOUNDARY}\r\n'.encode())
        except (BrokenPipeError, ConnectionResetError):
            pass  # the page was closed
