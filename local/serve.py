"""``make local``: the embedded stack until Ctrl-C, for a real gateway.

Read from the environment: PORT, BATCH_WINDOW_SECONDS, BATCH_SIZE, CONFIG, INGEST_TOKENS, SLACK_WEBHOOK_URL. Ends with
status 2 and the reason when it cannot start.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from local.ministack import DidNotStart, PortInUse, is_listening
from local.stack import LOCAL_AWS_PORT, LOCAL_INGEST_TOKENS, LOCAL_TOKEN, Stack, StackSettings
from local.template import source_template

DEFAULT_PORT = 8080
_ENVIRONMENT_REFERENCE = re.compile(r"os\.environ/(\w+)")


class WrongSetting(ValueError):
    """A variable of the environment has a value that cannot be used."""


def main() -> int:
    """Serve until a signal ends it; returns the exit status."""
    interrupt_on_sigterm()
    try:
        settings = settings_from(os.environ)
        with Stack(settings) as stack:
            print(banner(stack, settings), file=sys.stderr, flush=True)
            threading.Event().wait()
    except (WrongSetting, PortInUse, DidNotStart) as error:
        print(f"make local: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
    return 0


def interrupt_on_sigterm() -> None:
    """SIGTERM ends the program as Ctrl-C does, so that everything it started ends first."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def settings_from(environment: Mapping[str, str]) -> StackSettings:
    """The stack's settings as the environment has them. Raises WrongSetting."""
    config = environment.get("CONFIG", "")
    if config:
        try:
            json.loads(config)
        except ValueError:
            raise WrongSetting("CONFIG is not JSON") from None
    parameters = source_template()["Parameters"]
    referenced = {name: environment[name] for name in _ENVIRONMENT_REFERENCE.findall(config) if name in environment}
    return StackSettings(
        port=_number(environment, "PORT", {"MinValue": 1, "MaxValue": 65_535}) or DEFAULT_PORT,
        # Another program may have it; then the stack works all the same, and only events/env.json does not find it.
        aws_port=None if is_listening(LOCAL_AWS_PORT) else LOCAL_AWS_PORT,
        batch_window_seconds=_number(environment, "BATCH_WINDOW_SECONDS", parameters["BatchWindowSeconds"]),
        batch_size=_number(environment, "BATCH_SIZE", parameters["BatchSize"]),
        config=config,
        ingest_tokens=environment.get("INGEST_TOKENS") or LOCAL_INGEST_TOKENS,
        slack_webhook_url=environment.get("SLACK_WEBHOOK_URL") or None,
        # The logs are for a person here; on AWS the metrics are lines among them.
        environment={"POWERTOOLS_METRICS_DISABLED": "true"} | referenced,
        log=sys.stderr.buffer,
    )


def banner(stack: Stack, settings: StackSettings) -> str:
    """What a person needs to know. Names a token only when it is the one that everybody knows."""
    token = LOCAL_TOKEN if settings.ingest_tokens == LOCAL_INGEST_TOKENS else "TOKEN"
    where = "your Slack webhook" if settings.slack_webhook_url else f"{stack.url}/  (the inbox: open it in a browser)"
    aws = "" if settings.aws_port else f"  (port {LOCAL_AWS_PORT} is taken: make invoke-* will not find it)"
    return "\n".join(
        (
            "",
            "Gateway Alerts is running on this machine.",
            "",
            f"  LiteLLM webhook       WEBHOOK_URL={stack.url}/events/{token}",
            f"  LiteLLM generic_api   GENERIC_LOGGER_ENDPOINT={stack.url}/events",
            f"                        GENERIC_LOGGER_HEADERS=Authorization=Bearer {token}",
            f"  Slack drop-in         SLACK_WEBHOOK_URL={stack.url}/services/{token}",
            f"  LiteLLM aws_sqs       {stack.resources.ref('RequestLogQueue')}",
            f"  posts go to           {where}",
            f"  gathered for          {stack.mapping.window_seconds} s, or until {stack.mapping.batch_size} alerts",
            f"  AWS endpoint          {stack.endpoint_url}{aws}",
            "",
            "  Ctrl-C stops it. What the functions log follows.",
            "",
        )
    )


def _number(environment: Mapping[str, str], name: str, bounds: Mapping[str, Any]) -> int | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    low, high = int(bounds["MinValue"]), int(bounds["MaxValue"])
    if not text.isdecimal() or not low <= int(text) <= high:
        raise WrongSetting(f"{name} is a whole number from {low} to {high}, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
