"""The stack is put together from the template, and taken apart again. The whole way is in tests/integration."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.ministack import free_port, is_listening
from local.resources import physical_name
from local.stack import ALERTS_QUEUE, Stack, StackSettings
from local.template import expanded_template, resource

ROOT = Path(__file__).parents[3]


def test_a_stack_is_what_the_template_says_and_leaves_nothing() -> None:
    template = expanded_template()
    with Stack() as stack:
        port, aws_port = stack.server.port, int(stack.endpoint_url.rsplit(":", 1)[1])
        mapping = resource(template, "NotifyFunctionAlertBatch")
        assert stack.mapping.batch_size == mapping["BatchSize"]
        assert stack.mapping.window_seconds == mapping["MaximumBatchingWindowInSeconds"]
        assert stack.mapping.maximum_concurrency == stack.settings.notify_worker_count
        assert stack.settings.notify_worker_count <= mapping["ScalingConfig"]["MaximumConcurrency"]
        assert stack.mapping.reports_batch_item_failures
        assert stack.mapping.visibility_timeout_seconds == resource(template, ALERTS_QUEUE)["VisibilityTimeout"]
        evaluate = resource(template, "EvaluateFunction")
        function = stack.evaluate.function
        assert (function.handler, function.timeout_seconds) == (evaluate["Handler"], evaluate["Timeout"])
        declared = set(evaluate["Environment"]["Variables"])
        added = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        assert set(function.environment) == declared | added
        assert stack.queue_depth() == 0
        log_path = stack.log_path
        assert log_path is not None
    assert not log_path.exists()
    assert not is_listening(port)
    assert not is_listening(aws_port)


def test_settings_override_the_template() -> None:
    settings = StackSettings(batch_window_seconds=3, batch_size=5, config='{"thresholds": [50]}', is_polling=False)
    with Stack(settings) as stack:
        assert (stack.mapping.window_seconds, stack.mapping.batch_size) == (3, 5)
        assert stack.notify.function.environment["CONFIG"] == '{"thresholds": [50]}'


def test_a_start_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("local.stack.mapping_settings", fail)
    port = free_port()
    with pytest.raises(ZeroDivisionError), Stack(StackSettings(port=port)):
        pass
    assert not is_listening(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_make_local_says_where_it_is_and_ends_cleanly(number: signal.Signals) -> None:
    port = free_port()
    environment = {"PATH": "/usr/bin:/bin", "PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-m", "local.serve"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as serve:
        assert serve.stderr is not None
        banner = ""
        while "Ctrl-C" not in banner:
            line = serve.stderr.readline()
            assert line, banner
            banner += line
        assert f"http://127.0.0.1:{port}/events/local-token" in banner
        children = Path(f"/proc/{serve.pid}/task/{serve.pid}/children").read_text().split()
        assert len(children) == 5, "ministack and four workers"
        serve.send_signal(number)
        assert serve.wait(20) == 0
        serve.stderr.close()
    time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert not is_listening(port)


def test_a_port_in_use_ends_make_local_with_status_2() -> None:
    with Stack(StackSettings(evaluate_worker_count=0, notify_worker_count=0)) as stack:
        answer = subprocess.run(
            [sys.executable, "-m", "local.serve"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PORT": str(stack.server.port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode == 2
    assert answer.stderr.strip() == f"make local: port {stack.server.port} cannot be used: Address already in use"


def test_the_environment_of_sam_local_names_what_the_stack_makes() -> None:
    variables = json.loads((ROOT / "events" / "env.json").read_text())
    template = expanded_template()
    assert set(variables) == {"EvaluateFunction", "NotifyFunction"}
    for name, given in variables.items():
        declared = resource(template, name)["Environment"]["Variables"]
        assert set(given) <= set(declared), "sam local overrides only what the template declares"
        references = {variable for variable, value in declared.items() if isinstance(value, dict)}
        assert references <= set(given), "sam local cannot resolve a reference"
        assert given["ALERTS_TABLE_NAME"] == physical_name("AlertsTable")
        assert given["CONFIG_PARAMETER_NAME"] == resource(template, "ConfigParameter")["Name"]
    assert variables["EvaluateFunction"]["ALERTS_QUEUE_URL"].endswith(f"/{physical_name(ALERTS_QUEUE)}")
    assert variables["EvaluateFunction"]["INGEST_TOKENS_SECRET_ARN"] == resource(template, "IngestTokensSecret")["Name"]
    assert variables["NotifyFunction"]["SLACK_WEBHOOK_SECRET_ARN"] == resource(template, "SlackWebhookSecret")["Name"]
