"""``make invoke-evaluate`` and ``make invoke-notify``: one event through the built package, under ``sam local invoke``.

The function talks to the stack of ``make local`` when that runs, else to one of its own for the time of the call. In
its container ``localhost`` leads to this machine: over docker_bridge on Linux, by Docker Desktop elsewhere.
SAM_LOCAL_FLAGS replaces the flags that see to that.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.docker_bridge import docker_bridge
from local.ministack import LOOPBACK, DidNotStart, PortInUse, is_healthy, is_listening
from local.resources import CREDENTIALS, REGION, aws_client, physical_name
from local.serve import interrupt_on_sigterm
from local.stack import ALERTS_QUEUE, EVALUATE, LOCAL_AWS_PORT, NOTIFY, Stack, StackSettings
from local.template import expanded_template
from local.terminal import render_terminal

ROOT = Path(__file__).resolve().parent.parent
ENDPOINT_URL = f"http://{LOOPBACK}:{LOCAL_AWS_PORT}"
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
IMAGE = f"public.ecr.aws/lambda/python:3.13-{ARCHITECTURE}"
ENVIRONMENT = ROOT / "events" / "env.json"
#: Where events/env.json has the inbox. Not 8080: in the container that is Lambda's own interface.
INBOX_PORT = 8088
#: Docker Desktop forwards to the loopback of the machine that it runs on.
DESKTOP_FLAGS = ["--add-host", "localhost:host-gateway"]


def main(arguments: list[str] | None = None) -> int:
    """Invoke a function once; returns sam's exit status, or 2 when there is nothing to run it against."""
    parser = argparse.ArgumentParser(prog="python -m local.invoke", description="Run one event under sam local invoke.")
    parser.add_argument("function", choices=[EVALUATE, NOTIFY])
    parser.add_argument("event", type=Path, help="a file under events/")
    options = parser.parse_args(arguments)
    if not options.event.is_file():
        parser.error(f"no such file: {options.event}")
    interrupt_on_sigterm()
    try:
        with running_stack():
            inbox_url = _inbox_url()
            last = _messages(inbox_url)["last"]
            with way_here(inbox_url) as flags, function_environment(inbox_url) as environment:
                command = sam_command(options.function, options.event, environment=environment, flags=flags)
                status = subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode
            _show_queue()
            _show_inbox(_messages(inbox_url, after=last)["messages"])
            return status
    except (PortInUse, DidNotStart, OSError) as error:
        print(f"make invoke: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


@contextmanager
def running_stack() -> Iterator[None]:
    """The stack of ``make local``, or one for the time of the call; it polls nothing, so that alerts stay to be seen.

    Raises:
        PortInUse: another program has the port that events/env.json names.
    """
    if is_healthy(ENDPOINT_URL):
        print(f"against the stack of `make local` ({ENDPOINT_URL})", file=sys.stderr)
        yield
        return
    settings = StackSettings(
        port=0 if is_listening(INBOX_PORT) else INBOX_PORT,
        aws_port=LOCAL_AWS_PORT,
        is_polling=False,
        evaluate_worker_count=0,
        notify_worker_count=0,
    )
    with Stack(settings):
        print("against a stack of its own, for this call (`make local` keeps one running)", file=sys.stderr)
        yield


@contextmanager
def way_here(inbox_url: str | None) -> Iterator[list[str]]:
    """The flags with which a function in a container reaches the stack as ``localhost``."""
    skip_pull = ["--skip-pull-image"] if _has_image() else []
    if own_flags := os.environ.get("SAM_LOCAL_FLAGS"):
        yield shlex.split(own_flags) + skip_pull
    elif sys.platform != "linux":
        yield DESKTOP_FLAGS + skip_pull
    else:
        if not skip_pull:  # the bridge runs in it
            subprocess.run(["docker", "pull", "--quiet", IMAGE], stdout=subprocess.DEVNULL, check=False)
        ports = {LOCAL_AWS_PORT: LOCAL_AWS_PORT} | ({INBOX_PORT: urlsplit(inbox_url).port or 80} if inbox_url else {})
        with docker_bridge(ports, image=IMAGE) as flags:
            yield [*flags, "--skip-pull-image"]


@contextmanager
def function_environment(inbox_url: str | None) -> Iterator[Path]:
    """What ``--env-vars`` takes: events/env.json, which posts to the inbox; to a real Slack where the stack has one."""
    if inbox_url is not None:
        yield ENVIRONMENT
        return
    variables = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))
    del variables[NOTIFY]["SLACK_WEBHOOK_URL"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(variables, file)
        file.flush()
        yield Path(file.name)


def sam_command(function: str, event: Path, *, environment: Path, flags: list[str]) -> list[str]:
    """The command line of ``sam local invoke``."""
    return [
        str(ROOT / ".venv-sam" / "bin" / "sam"),
        *("local", "invoke", function),
        *("--event", str(event.resolve())),
        *("--env-vars", str(environment)),
        # The build was made for this machine, whatever the template's default.
        *("--parameter-overrides", f"Architecture={ARCHITECTURE}"),
        *flags,
    ]


def _environment() -> dict[str, str]:
    """This machine's, without its AWS settings: nothing of a real account gets into the container."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return environment | CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_VERSION": "0"}


def _has_image() -> bool:
    """Whether the runtime's image is on this machine already, so that no network is needed."""
    try:
        return subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _show_queue() -> None:
    with urllib.request.urlopen(f"{ENDPOINT_URL}/_ministack/sqs/messages", timeout=10) as answer:
        accounts = json.load(answer)["messages"]
    bodies = [
        message["Body"]
        for regions in accounts.values()
        for queues in regions.values()
        for url, messages in queues.items()
        if url.endswith(f"/{physical_name(ALERTS_QUEUE)}")
        for message in messages
    ]
    print(f"\n\nAlerts in the queue: {len(bodies)}")
    for body in bodies:
        print(json.dumps(json.loads(body), indent=2, ensure_ascii=False))


def _show_inbox(messages: list[Mapping[str, Any]]) -> None:
    print(f"\nMessages posted: {len(messages)}")
    for message in messages:
        print(f"\nto #{message['channel']}\n{render_terminal(message['payload'], is_colored=sys.stdout.isatty())}")


def _inbox_url() -> str | None:
    """Where the stack's inbox is: the default destination, unless that is a real Slack."""
    name = expanded_template()["Resources"]["SlackWebhookSecret"]["Properties"]["Name"]
    with closing(aws_client("secretsmanager", ENDPOINT_URL)) as secrets:
        url = urlsplit(secrets.get_secret_value(SecretId=name)["SecretString"])
    return f"{url.scheme}://{url.netloc}" if url.hostname in ("localhost", LOOPBACK) and url.path.startswith("/inbox/") else None


def _messages(inbox_url: str | None, *, after: int = 0) -> dict[str, Any]:
    if inbox_url is None:
        return {"messages": [], "last": 0}
    with urllib.request.urlopen(f"{inbox_url}/inbox.json?after={after}", timeout=10) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


if __name__ == "__main__":
    sys.exit(main())
