import pytest

from gateway_alerts import aws, secrets
from tests.unit.gateway_alerts.fake_aws import ENVIRONMENT, FakeAws


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """AWS without a wire, and a container that has asked for nothing yet."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    fake = FakeAws()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _, request: fake.send(request))
    aws._clients.clear()
    secrets._fetched.clear()
    return fake
