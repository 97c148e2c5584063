"""The AWS services that are used, as one HTTP server on loopback that grants everything and counts what it is asked.

It decides nothing, so it costs nothing that a real service would not cost the caller; its own CPU is not in any figure.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.bench.samples import TOKEN

_ANSWERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "DynamoDB_20120810.UpdateItem": lambda _: {},
    "DynamoDB_20120810.TransactWriteItems": lambda _: {},
    "DynamoDB_20120810.Query": lambda _: {"Items": []},
    "AmazonSQS.SendMessageBatch": lambda request: {
        "Successful": [{"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": ""} for entry in request["Entries"]]
    },
    "AmazonSSM.GetParameter": lambda request: {"Parameter": {"Name": request["Name"], "Type": "String", "Value": "{}"}},
    "secretsmanager.GetSecretValue": lambda request: {"Name": request["SecretId"], "SecretString": f"bench={TOKEN}"},
}


class AWSStub:
    """Answers on ``url`` while the ``with`` block runs.

    ``calls`` counts operations, ``connections`` sockets; ``posts`` are paths and bodies that came to no AWS service.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.connections = 0
        self.posts: list[tuple[str, bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, service: str) -> int:
        """Calls so far to a service: ``DynamoDB``, ``SQS``, ``SSM`` or ``secretsmanager``."""
        return sum(count for operation, count in self.calls.items() if service in operation.partition(".")[0])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                stub.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                operation = self.headers.get("x-amz-target")
                if operation is None:  # not AWS: the webhook
                    stub.posts.append((self.path, body))
                    self._answer(b"ok")
                    return
                stub.calls[operation] += 1
                self._answer(json.dumps(_ANSWERS[operation](json.loads(body or b"{}"))).encode())

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
