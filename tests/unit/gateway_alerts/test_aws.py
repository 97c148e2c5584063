import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import NoRegionError

from gateway_alerts import aws
from gateway_alerts.aws import aws_client
from notify.app import POST_MILLIS
from tests.unit.gateway_alerts.fake_aws import FakeAws

SERVICES = ("dynamodb", "secretsmanager", "sns", "sqs", "ssm")
#: EvaluateFunction's; NotifyFunction has a second more.
SHORTEST_TIMEOUT_SECONDS = 29


@pytest.mark.parametrize("service", SERVICES)
def test_there_is_one_client_of_each_service(fake_aws: FakeAws, service: str) -> None:
    assert aws_client(service) is aws_client(service)  # type: ignore[arg-type]
    assert aws_client(service).meta.service_model.service_name == service  # type: ignore[arg-type]


def test_threads_that_ask_at_once_get_the_one_client_of_each_service_and_clients_are_made_one_at_a_time(
    fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    making, most, made = 0, 0, []

    def make(service: str) -> object:
        nonlocal making, most
        making += 1
        most = max(most, making)
        time.sleep(0.01)
        making -= 1
        made.append(service)
        return object()

    monkeypatch.setattr("gateway_alerts.aws_sdk.make_client", make)
    with ThreadPoolExecutor(16) as threads:
        clients = list(threads.map(lambda n: (SERVICES[n % 5], aws_client(SERVICES[n % 5])), range(40)))  # type: ignore[arg-type]
    aws._clients.clear()

    assert len(set(clients)) == len(SERVICES)
    assert sorted(made) == sorted(SERVICES)
    assert most == 1


def test_a_client_that_could_not_be_made_is_tried_again(fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(NoRegionError):
        aws_client("sqs")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert aws_client("sqs")


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_gives_up_before_the_function_is_stopped(fake_aws: FakeAws, service: str) -> None:
    settings = aws_client(service).meta.config  # type: ignore[arg-type]
    longest_seconds = settings.retries["total_max_attempts"] * (settings.connect_timeout + settings.read_timeout)
    assert longest_seconds < SHORTEST_TIMEOUT_SECONDS


def test_a_mail_is_not_sent_again_by_the_sdk_and_a_post_of_it_ends_within_its_time(fake_aws: FakeAws) -> None:
    settings = aws_client("sns").meta.config

    assert settings.retries["total_max_attempts"] == 1
    assert (settings.connect_timeout + settings.read_timeout) * 1_000 < POST_MILLIS


def test_a_client_honours_the_endpoint_of_the_environment(fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert aws_client("sqs").meta.endpoint_url == "http://127.0.0.1:4566"
