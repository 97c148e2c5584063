"""Builds the package once, and gives `sam local` something to talk to: an emulator and a Slack of our own, on loopback."""

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from local.docker_bridge import docker_bridge
from local.template import expanded_template, resource

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam" / "build"
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
IMAGE = f"public.ecr.aws/lambda/python:3.13-{ARCHITECTURE}"
TOKEN = "local-token"

AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
READY_SECONDS = 30
#: The first start builds an image with the layer in it.
SAM_SECONDS = 180


@pytest.fixture(scope="session")
def built_package() -> Path:
    """The folder that `make build` leaves: one folder for each function and for the layer, and the template."""
    build = subprocess.run(["make", "build"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    return BUILD


@dataclass
class Backend:
    """What the functions reach on this machine in place of AWS and Slack."""

    endpoint_url: str
    slack_url: str
    table_name: str
    usage_table_name: str
    queue_url: str
    posts: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=AWS["AWS_DEFAULT_REGION"],
            aws_access_key_id=AWS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=AWS["AWS_SECRET_ACCESS_KEY"],
        )

    def queued(self) -> list[dict[str, Any]]:
        """Takes what is in the queue out of it."""
        client, found = self.client("sqs"), []
        while messages := client.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def environment(self) -> dict[str, dict[str, str]]:
        """What `--env-vars` takes; addresses as a function sees them."""
        endpoint_url, slack_url = (url.replace("127.0.0.1", "localhost") for url in (self.endpoint_url, self.slack_url))
        both = {"ALERTS_TABLE_NAME": self.table_name, "CONFIG": "{}", "AWS_ENDPOINT_URL": endpoint_url}
        return {
            "EvaluateFunction": both
            | {
                "USAGE_TABLE_NAME": self.usage_table_name,
                "ALERTS_QUEUE_URL": self.queue_url,
                "INGEST_TOKENS": f"local={TOKEN}",
            },
            "NotifyFunction": both | {"SLACK_WEBHOOK_URL": slack_url},
        }


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    home = tmp_path_factory.mktemp("emulator")
    with contextlib.ExitStack() as stack:
        endpoint_url = stack.enter_context(_emulator(home))
        posts: list[dict[str, Any]] = []
        slack_url = stack.enter_context(_slack(posts))
        backend = Backend(endpoint_url, slack_url, table_name="alerts", usage_table_name="usage", queue_url="", posts=posts)
        template = expanded_template()
        properties = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes")
        for logical_id, name in (("AlertsTable", backend.table_name), ("UsageTable", backend.usage_table_name)):
            table = resource(template, logical_id)
            wanted = {key: table[key] for key in properties if key in table}
            backend.client("dynamodb").create_table(TableName=name, **wanted)
        queue = {"VisibilityTimeout": str(resource(template, "AlertsQueue")["VisibilityTimeout"])}
        backend.queue_url = backend.client("sqs").create_queue(QueueName="alerts", Attributes=queue)["QueueUrl"]
        yield backend


@contextlib.contextmanager
def _emulator(home: Path) -> Iterator[str]:
    port = free_port()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LOG_LEVEL": "ERROR"}
    environment |= {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("ministack")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_answering(f"http://127.0.0.1:{port}/_ministack/health", process, seconds=READY_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _slack(posts: list[dict[str, Any]]) -> Iterator[str]:
    class Slack(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slack) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/services/T000/B000/secret"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class SamLocal:
    """`sam local` as a person would start it."""

    environment_file: Path
    network_options: list[str]

    def command(self, *arguments: str) -> list[str]:
        options = ["--env-vars", str(self.environment_file), "--skip-pull-image", *self.network_options]
        options += ["--parameter-overrides", f"Architecture={ARCHITECTURE}"]
        return [str(ROOT / ".venv-sam/bin/sam"), "local", *arguments, *options]

    @property
    def process_environment(self) -> dict[str, str]:
        # AWS_ENDPOINT_URL is the functions' own, from the file.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | AWS | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_VERSION": "0"}

    def invoke(self, function: str, event: str | dict[str, Any]) -> Any:
        """The function's answer to an event: a file under events/, or the event itself."""
        text = (ROOT / "events" / event).read_text() if isinstance(event, str) else json.dumps(event)
        answer = subprocess.run(
            self.command("invoke", function, "--event", "-"),
            cwd=ROOT,
            env=self.process_environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=SAM_SECONDS,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        print(answer.stderr)  # shown when the test fails
        return json.loads(answer.stdout.strip().splitlines()[-1])

    @contextlib.contextmanager
    def serving(self, subcommand: str) -> Iterator[str]:
        """`start-api` or `start-lambda`, on a free port; gives its address."""
        port = free_port()
        process = subprocess.Popen(
            self.command(subcommand, "--port", str(port), "--host", "127.0.0.1"),
            cwd=ROOT,
            env=self.process_environment,
        )
        try:
            wait_until_listening(port, process, seconds=SAM_SECONDS)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


@pytest.fixture(scope="session")
def sam_local(built_package: Path, backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamLocal]:
    assert subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0, "Docker is not running"
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode != 0:
        subprocess.run(["docker", "pull", "--quiet", IMAGE], check=True)
    environment_file = tmp_path_factory.mktemp("sam") / "env.json"
    environment_file.write_text(json.dumps(backend.environment()))
    ports = [urlsplit(url).port or 80 for url in (backend.endpoint_url, backend.slack_url)]
    with docker_bridge(dict(zip(ports, ports, strict=True)), image=IMAGE) as network_options:
        yield SamLocal(environment_file, network_options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_answering(url: str, process: subprocess.Popen[bytes], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"ended with {process.returncode}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(url)


def wait_until_listening(port: int, process: subprocess.Popen[bytes], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"ended with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise TimeoutError(f"port {port}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
