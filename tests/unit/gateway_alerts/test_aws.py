import pytest

from gateway_alerts.aws import aws_client
from tests.unit.gateway_alerts.fake_aws import FakeAws

SERVICES = ("dynamodb", "secretsmanager", "sqs", "ssm")
#: EvaluateFunction's; NotifyFunction has a second more.
SHORTEST_TIMEOUT_SECONDS = 29


@pytest.mark.parametrize("service", SERVICES)
def test_there_is_one_client_of_each_service(fake_aws: FakeAws, service: str) -> None:
    assert aws_client(service) is aws_client(service)  # type: ignore[arg-type]
    assert aws_client(service).meta.service_model.service_name == service  # type: ignore[arg-type]


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_gives_up_before_the_function_is_stopped(fake_aws: FakeAws, service: str) -> None:
    settings = aws_client(service).meta.config  # type: ignore[arg-type]
    longest_seconds = settings.retries["total_max_attempts"] * (settings.connect_timeout + settings.read_timeout)
    assert longest_seconds < SHORTEST_TIMEOUT_SECONDS


def test_a_client_honours_the_endpoint_of_the_environment(fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert aws_client("sqs").meta.endpoint_url == "http://127.0.0.1:4566"
