"""LiteLLM as a process: a proxy, started with its own command from its own environment and pointed at us by its settings;
and a script with its alerting classes, for what no proxy without a database raises.

What a database would say about a proxy's keys stands in a file that its ``custom_auth`` reads (stock/custom_auth.py).
"""

import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import httpx

from local.ministack import LOOPBACK, DidNotStart, free_port, stop_process

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-litellm" / "bin" / "python"
STOCK = Path(__file__).parent / "stock"
START_SECONDS = 120.0
ANSWER_SECONDS = 60.0
SCRIPT_SECONDS = 120.0
#: How often LiteLLM flushes its queues here: in place of five seconds.
FLUSH_SECONDS = 1
#: In place of 512: a request log record is about 13 kB, and Lambda takes 6 MB.
BATCH_SIZE = 100
#: From when on LiteLLM calls a request slow, or hanging.
SLOW_AFTER_SECONDS = 2
#: How often LiteLLM means to send its daily report here.
DAILY_REPORT_SECONDS = 10

#: LiteLLM's own command, ended by the end of its standard input: it may not outlive us, however we die.
_PROGRAM = """
import os, signal, sys, threading
def watch():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch, daemon=True).start()
from litellm_cli.main import proxy_server
proxy_server()
"""

TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
#: A deployment by model name: what it does. Each scenario that counts failures has one of its own.
MODELS: Mapping[str, Mapping[str, Any]] = {
    "well": {"model": "openai/gpt-4o-mini", "mock_response": "well"},
    "failing": {"model": "openai/gpt-4o", "mock_response": "litellm.InternalServerError"},
    "limited": {"model": "anthropic/claude-opus-4-5", "mock_response": "litellm.RateLimitError"},
    "snail": {"model": "openai/gpt-4.1", "mock_response": "well", "mock_delay": SLOW_AFTER_SECONDS + 1.5},
    "stuck": {"model": "openai/gpt-4.1-mini", "mock_response": "well", "mock_delay": 3 * SLOW_AFTER_SECONDS + 1.5},
    "out": {"model": "mistral/mistral-large-latest", "mock_response": "litellm.InternalServerError"},
    "out-across-pods": {"model": "groq/llama-3.3-70b-versatile", "mock_response": "litellm.InternalServerError"},
    "aged": {"model": "openai/gpt-4-turbo", "mock_response": "well"},
}


class Gateway:
    """A running proxy; a context manager. ``token`` is its ingest token, by which the stack and the tap know it."""

    def __init__(self, name: str, *, api_url: str, alerting: Sequence[str], folder: Path) -> None:
        self.token = f"token-of-{name}"
        self.log_path = folder / "litellm.log"
        self.asked_count = 0
        self._folder = folder
        self._rows: dict[str, Any] = {}
        self._rows_path = folder / "rows.json"
        self._lock = threading.Lock()
        self._api_url = api_url
        self._port = free_port()
        (folder / "config.yaml").write_text(json.dumps(self._config(alerting)))  # JSON is YAML

    def __enter__(self) -> Self:
        """Start it; ``await_start`` waits for it, so that several can start at once."""
        if not PYTHON.exists():
            raise DidNotStart(f"{PYTHON.parent.parent} is missing: `make test-litellm` sets it up")
        self._log = self.log_path.open("wb")
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            [str(PYTHON), "-c", _PROGRAM, "--config", "config.yaml", "--host", LOOPBACK, "--port", str(self._port)],
            env=_environment(self._folder, api_url=self._api_url, token=self.token) | {"GATEWAY_ROWS": str(self._rows_path)},
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
        self._http = httpx.Client(
            base_url=f"http://{LOOPBACK}:{self._port}", timeout=ANSWER_SECONDS, limits=limits, trust_env=False
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        stop_process(self._process)
        self._log.close()

    def await_start(self) -> None:
        """Return when it takes requests. Raises DidNotStart."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_live():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"LiteLLM did not start:\n{self.log_path.read_text()[-2_000:]}")
            time.sleep(0.1)

    def key(self, alias: str, **rows: Any) -> str:
        """Set what the gateway knows about a key, and return the key.

        ``rows`` are the key's own columns; ``user``, ``team``, ``project`` and ``organization`` among them are rows of theirs.
        """
        api_key = _api_key(alias)
        tables = {name: rows.pop(name) for name in ("user", "team", "project", "organization") if name in rows}
        with self._lock:
            self._rows[api_key] = {"key": {"key_alias": alias} | rows} | tables
            unfinished = self._rows_path.with_suffix(".new")
            unfinished.write_text(json.dumps(self._rows))
            unfinished.replace(self._rows_path)
        return api_key

    def hash_of(self, alias: str) -> str:
        """By what LiteLLM knows a key."""
        return hashlib.sha256(_api_key(alias).encode()).hexdigest()

    def ask(self, api_key: str, *, model: str = "well", **more: Any) -> int:
        """One chat completion; returns its status."""
        with self._lock:
            self.asked_count += 1
        body = {"model": model, "messages": [{"role": "user", "content": "How are you?"}]} | more
        headers = {"authorization": f"Bearer {api_key}"}
        return self._http.post("/v1/chat/completions", json=body, headers=headers).status_code

    def _is_live(self) -> bool:
        try:
            return self._http.get("/health/liveliness").status_code == 200
        except httpx.TransportError:
            return False

    def _config(self, alerting: Sequence[str]) -> dict[str, Any]:
        return {
            "model_list": [
                {
                    "model_name": name,
                    "litellm_params": {"api_key": "none", **deployment},
                    "model_info": {"id": f"{name}-1"} | ({"deprecation_date": TOMORROW} if name == "aged" else {}),
                }
                for name, deployment in MODELS.items()
            ],
            "general_settings": {
                "master_key": "sk-master-key-of-a-test-on-loopback",
                "custom_auth": "custom_auth.authenticate",
                "custom_auth_run_common_checks": True,
                "alerting": list(alerting),
                "alerting_threshold": SLOW_AFTER_SECONDS,
                "alerting_args": {"daily_report_frequency": DAILY_REPORT_SECONDS, "report_check_interval": 5},
            },
            # One request is one failure, and a deployment that fails is asked again.
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "litellm_settings": {"callbacks": ["gateway_alerts"]},
            "callback_settings": {
                "gateway_alerts": {
                    "callback_type": "generic_api",
                    "endpoint": f"{self._api_url}/events",
                    "headers": {"Authorization": f"Bearer {self.token}"},
                    "max_retries": 5,
                    "retry_delay": 1,
                }
            },
        }


class InProcess:
    """A run of stock/in_process.py, beside everything else; a context manager."""

    token = "token-of-script"

    def __init__(self, *, api_url: str, folder: Path) -> None:
        self._api_url = api_url
        self._folder = folder

    def __enter__(self) -> Self:
        self._log = (self._folder / "in_process.log").open("wb")
        # To every host but this machine it goes by the tap, which plays a provider that is down.
        proxies = {"HTTP_PROXY": self._api_url, "NO_PROXY": LOOPBACK, "AIOHTTP_TRUST_ENV": "true"}
        self._process = subprocess.Popen(
            [str(PYTHON), str(STOCK / "in_process.py")],
            env=_environment(self._folder, api_url=self._api_url, token=self.token) | proxies,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        stop_process(self._process)
        self._log.close()

    @cached_property
    def result(self) -> dict[str, list[str]]:
        """What each of its functions returned, once it has ended."""
        output, _ = self._process.communicate(timeout=SCRIPT_SECONDS)
        assert self._process.returncode == 0, (self._folder / "in_process.log").read_text()[-2_000:]
        return dict(json.loads(output))


def _environment(folder: Path, *, api_url: str, token: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(STOCK),
        # Fetches nothing from anywhere.
        "LITELLM_OFFLINE_MODE": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",
        # What an operator sets: the README's settings, and a shorter wait.
        "WEBHOOK_URL": f"{api_url}/events/{token}",
        "SLACK_WEBHOOK_URL": f"{api_url}/services/{token}",
        "DEFAULT_BATCH_SIZE": str(BATCH_SIZE),
        "DEFAULT_FLUSH_INTERVAL_SECONDS": str(FLUSH_SECONDS),
    }


def _api_key(alias: str) -> str:
    return f"sk-key-of-{alias}"
