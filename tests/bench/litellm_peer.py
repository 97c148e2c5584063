"""The reference's own alerting, in its own process: run by ``.venv-litellm``'s Python, not by ours.

Prints JSON: CPU seconds and peak memory of ``import litellm``, budget alerts a CPU second that cross nothing, that are
deduplicated and that are new, and how many of 1,000 new ones a sink on loopback was told of.
"""

import asyncio
import json
import logging
import os
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

CALLS = 2_000
CROSSINGS = 1_000
#: Fewer than its cache of 200 forgets, and than fill its queue of 512: nothing is posted while rates are measured.
REMEMBERED = 150
#: Its queue is flushed every five seconds, or when it is full.
FLUSH_SECONDS = 12


def cpu_seconds() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


before = cpu_seconds()
import litellm  # noqa: E402, F401

logging.disable(logging.CRITICAL)
IMPORT_SECONDS = cpu_seconds() - before
IMPORT_BYTES = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024

from litellm.caching.caching import DualCache  # noqa: E402
from litellm.integrations.SlackAlerting.slack_alerting import SlackAlerting  # noqa: E402
from litellm.proxy._types import CallInfo, Litellm_EntityType  # noqa: E402


class Sink:
    """Takes every post, and keeps what it says."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sink.texts.append(self.rfile.read(int(self.headers["content-length"])).decode())
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = CROSSINGS  # all its posts come at once

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def call(number: int, spend: float) -> CallInfo:
    """What the proxy knows of one request's user."""
    return CallInfo(spend=spend, max_budget=10.0, user_id=f"user-{number:05}", event_group=Litellm_EntityType.USER, token=None)


async def rate(alerting: Any, calls: list[CallInfo]) -> float:
    """Calls a CPU second."""
    started = cpu_seconds()
    for info in calls:
        await alerting.budget_alerts(type="user_budget", user_info=info)
    return len(calls) / (cpu_seconds() - started)


async def main() -> dict[str, float]:
    """Measure."""
    sink = Sink()
    url = f"http://127.0.0.1:{sink.server.server_port}/"
    calls = [call(number, 10.0) for number in range(REMEMBERED)]

    def alerting() -> Any:
        return SlackAlerting(internal_usage_cache=DualCache(), alerting=["slack"], default_webhook_url=url)

    quiet = await rate(alerting(), [call(number, 1.0) for number in range(CALLS)])
    new = median([await rate(alerting(), calls) for _ in range(11)])
    rated = alerting()
    await rate(rated, calls)
    repeated = await rate(rated, calls * 20)
    storm = alerting()
    flusher = asyncio.create_task(storm.periodic_flush())
    crossings = [call(number, 10.0) for number in range(CROSSINGS)]
    await asyncio.gather(*(storm.budget_alerts(type="user_budget", user_info=info) for info in crossings))
    await asyncio.sleep(FLUSH_SECONDS)
    flusher.cancel()
    told = "".join(sink.texts)
    return {
        "import_seconds": IMPORT_SECONDS,
        "import_bytes": IMPORT_BYTES,
        "quiet": quiet,
        "new": new,
        "repeated": repeated,
        "crossings": CROSSINGS,
        "told": sum(f"user-{number:05}" in told for number in range(CROSSINGS)),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())), flush=True)
    os._exit(0)  # its worker threads would wait for work
