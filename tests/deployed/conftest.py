"""template.yaml, really deployed: built with SAM, deployed with ``sam deploy`` into the emulator, with IAM enforced and TLS.

What the emulator's CloudFormation drops without a word is put in by hand, property by property, from the processed
template: the HTTP API's routes, the functions' certificate. Its event source mapping ignores the batch window, so
that is switched off and driven by the local poller, which takes the mapping's own stored settings.
"""

import json
import os
import platform
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from local.gateway_http import LocalServer
from local.inbox import Inbox
from local.ministack import Certificate, running_ministack
from local.poller import EventSourceMapping, Poller
from local.resources import CREDENTIALS, REGION

ROOT = Path(__file__).resolve().parents[2]
STACK_NAME = "gateway-alerts-deployed"
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
TOKEN = "deployed-token-0123456789"
WINDOW_SECONDS = 3
SAM_SECONDS = 300


@dataclass(frozen=True)
class Deployment:
    """A deployed stack, and what its users can reach."""

    endpoint_url: str
    certificate: Certificate
    inbox: Inbox
    api_url: str
    resources: dict[str, str]
    mapping: dict[str, Any]

    def client(self, service: str) -> Any:
        """A boto3 client with the rights of whoever deployed."""
        return _client(service, self.endpoint_url, self.certificate)

    def http(self) -> httpx.Client:
        """An HTTP client of the API."""
        context = ssl.create_default_context(cafile=self.certificate.path)
        return httpx.Client(base_url=self.api_url, verify=context, timeout=60, trust_env=False)

    def queue_depth(self, logical_id: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.resources[logical_id], AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subject = ["-subj", "/CN=localhost", "-addext", names, "-days", "2"]
    files = ["-keyout", made.key_path, "-out", made.path]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.fixture(scope="session")
def deployment(certificate: Certificate) -> Iterator[Deployment]:
    build = subprocess.run(["make", "build"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    inbox = Inbox()
    with (
        closing(LocalServer(0)) as server,
        running_ministack(enforce_iam=True, certificate=certificate) as ministack,
    ):
        server.start(_no_api, inbox.answer)
        _sam_deploy(ministack.endpoint_url, certificate, slack_webhook_url=f"{server.url}/inbox/alerts")
        deployed = _Shim(ministack.endpoint_url, certificate).apply()
        deployment = Deployment(ministack.endpoint_url, certificate, inbox, *deployed)
        _wait_until_up(deployment)
        poller = _poller(deployment)
        with closing(poller):
            poller.start()
            yield deployment


def _wait_until_up(deployment: Deployment) -> None:
    """The emulator refuses a function's first calls while it unpacks it."""
    answers: list[str] = []

    def is_up() -> bool:
        with deployment.http() as client:
            answer = client.get("/health")
        answers.append(f"{answer.status_code} {answer.text}")
        return answer.status_code == 200

    deadline = time.monotonic() + SAM_SECONDS
    while not is_up():
        assert time.monotonic() < deadline, answers
        time.sleep(0.5)
    print(answers)


def _no_api(*_: Any, **__: Any) -> Any:
    raise AssertionError("the API is the emulator's")


def _sam_deploy(endpoint_url: str, certificate: Certificate, *, slack_webhook_url: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_CA_BUNDLE": str(certificate.path),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_CHECK_VERSION": "0",
    }
    parameters = {
        "SlackWebhookUrl": slack_webhook_url,
        "IngestToken": f"prod={TOKEN}",
        "Architecture": ARCHITECTURE,
        "BatchWindowSeconds": WINDOW_SECONDS,
    }
    command = [ROOT / ".venv-sam/bin/sam", "deploy", "--stack-name", STACK_NAME, "--no-confirm-changeset", "--no-progressbar"]
    command += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SAM_SECONDS, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _client(service: str, endpoint_url: str, certificate: Certificate) -> Any:
    session = boto3.session.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    return session.client(service, endpoint_url=endpoint_url, verify=str(certificate.path))


class _Shim:
    """What the emulator's CloudFormation leaves out, put in."""

    def __init__(self, endpoint_url: str, certificate: Certificate) -> None:
        self._endpoint_url = endpoint_url
        self._certificate = certificate
        cloudformation = self._client("cloudformation")
        answer = cloudformation.describe_stack_resources(StackName=STACK_NAME)
        self._resources = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in answer["StackResources"]}
        processed = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Processed")["TemplateBody"]
        self._template: dict[str, Any] = processed if isinstance(processed, dict) else json.loads(processed)

    def apply(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Returns the API's address, the physical ids, and the event source mapping as it is stored."""
        self._make_routes()
        for function in ("EvaluateFunction", "NotifyFunction"):
            self._reach_emulator(function)
        # The emulator asks for these actions; IAM has none of their names, and AWS checks the one without "Batch".
        for role, action in (
            ("EvaluateFunctionRole", "sqs:SendMessageBatch"),
            ("NotifyFunctionRole", "sqs:ChangeMessageVisibilityBatch"),
        ):
            statement = {"Effect": "Allow", "Action": action, "Resource": self._queue_arn("AlertsQueue")}
            self._client("iam").put_role_policy(
                RoleName=self._resources[role],
                PolicyName="emulator",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            )
        api_url = f"{self._endpoint_url}/_aws/execute-api/{self._resources['HttpApi']}/$default"
        return api_url, self._resources, self._take_over_mapping()

    def _client(self, service: str) -> Any:
        return _client(service, self._endpoint_url, self._certificate)

    def _make_routes(self) -> None:
        api = self._client("apigatewayv2")
        function = self._client("lambda").get_function(FunctionName=self._resources["EvaluateFunction"])
        arn = function["Configuration"]["FunctionArn"]
        body = self._template["Resources"]["HttpApi"]["Properties"]["Body"]
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                version = operation["x-amazon-apigateway-integration"]["payloadFormatVersion"]
                integration = api.create_integration(
                    ApiId=self._resources["HttpApi"],
                    IntegrationType="AWS_PROXY",
                    IntegrationUri=arn,
                    PayloadFormatVersion=version,
                )
                api.create_route(
                    ApiId=self._resources["HttpApi"],
                    RouteKey=f"{method.upper()} {path}",
                    Target=f"integrations/{integration['IntegrationId']}",
                )

    def _reach_emulator(self, function: str) -> None:
        client = self._client("lambda")
        name = self._resources[function]
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables |= {"AWS_ENDPOINT_URL": self._endpoint_url, "AWS_CA_BUNDLE": str(self._certificate.path)}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def _take_over_mapping(self) -> dict[str, Any]:
        client = self._client("lambda")
        (mapping,) = client.list_event_source_mappings(FunctionName=self._resources["NotifyFunction"])["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        return dict(mapping)

    def _queue_arn(self, logical_id: str) -> str:
        answer = self._client("sqs").get_queue_attributes(QueueUrl=self._resources[logical_id], AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


def _poller(deployment: Deployment) -> Poller:
    sqs, functions = deployment.client("sqs"), deployment.client("lambda")
    queue_url = deployment.resources["AlertsQueue"]
    # What comes back does so at once; the template's four minutes are long for a test.
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": "1"})
    mapping = deployment.mapping
    settings = EventSourceMapping(
        queue_url=queue_url,
        queue_arn=mapping["EventSourceArn"],
        visibility_timeout_seconds=1,
        batch_size=mapping["BatchSize"],
        window_seconds=mapping["MaximumBatchingWindowInSeconds"],
        maximum_concurrency=mapping["ScalingConfig"]["MaximumConcurrency"],
        reports_batch_item_failures="ReportBatchItemFailures" in mapping["FunctionResponseTypes"],
    )

    def invoke(event: dict[str, Any]) -> Any:
        answer = functions.invoke(FunctionName=deployment.resources["NotifyFunction"], Payload=json.dumps(event))
        payload = answer["Payload"].read()
        if "FunctionError" in answer:
            raise RuntimeError(payload.decode())
        return json.loads(payload)

    return Poller(sqs, settings, invoke)


def wait_for(condition: Any, *, seconds: float = 90) -> Any:
    """What ``condition`` gives once that is true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"{condition.__name__}: not within {seconds:.0f} s")
