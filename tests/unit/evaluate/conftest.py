import logging

import pytest

from evaluate import app
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import FakeAws, takes_all

TABLE, QUEUE_URL = "alerts-table", "https://sqs.us-east-1.amazonaws.com/123456789012/alerts"


@pytest.fixture
def container(fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:  # noqa: F811
    """A fresh container of EvaluateFunction, as the template sets it up, with AWS in good health."""
    environment = {
        "ALERTS_TABLE_NAME": TABLE,
        "ALERTS_QUEUE_URL": QUEUE_URL,
        "INGEST_TOKENS": "local=local-token",
        "CONFIG": "",
        "CONFIG_PARAMETER_NAME": "/gateway-alerts/config",
        "INGEST_TOKENS_SECRET_ARN": "arn:tokens",
        "POWERTOOLS_SERVICE_NAME": "evaluate",
        "POWERTOOLS_METRICS_NAMESPACE": "GatewayAlerts",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for cached in (app._application, app._logger, app._counts):
        cached.cache_clear()
    # Powertools keeps a logger's first stream, which was an earlier test's.
    logging.Logger.manager.loggerDict.pop("evaluate", None)
    fake_aws.answers |= {
        "GetParameter": {"Parameter": {"Value": "{}"}},
        "GetSecretValue": {"SecretString": "secret-gateway=secret-token"},
        "UpdateItem": {},
        "TransactWriteItems": {},
        "SendMessageBatch": takes_all,
        "Query": {"Items": []},
    }
    return fake_aws
