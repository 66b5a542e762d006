"""An action server for tests, whose answers can be held back."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    stub: ActionStub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listening

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stub = self.server.stub
        with stub.changed:
            stub.n_calls += 1
            stub.changed.notify_all()
        if call["sender_id"].startswith(stub.held_back):
            stub.is_open.wait()
        body = json.dumps({"events": [], "responses": [{"text": "found"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class ActionStub:
    """Serves in threads within a `with` block. Each action says "found".

    Attributes:
        url: what `action_endpoint` has.
        held_back: calls of senders whose ids begin so wait until `let_go`.
        n_calls: how many came.
    """

    def __init__(self) -> None:
        self.held_back = "held"
        self.n_calls = 0
        self.is_open = threading.Event()
        self.changed = threading.Condition()
        self._server = _Listening(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"

    def __enter__(self) -> ActionStub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()

    def let_go(self) -> None:
        """Answer all that wait, and hold back none from now on."""
        self.is_open.set()

    def wait_for_calls(self, n_calls: int, seconds: float = 60.0) -> None:
        """Wait until so many calls came."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.n_calls >= n_calls, seconds), self.n_calls
