"""Our clients against botocore's own: the same requests, from less."""

import re
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.loaders import JSONFileLoader
from botocore.session import Session

from gateway_alerts import aws_sdk
from gateway_alerts.aws_sdk import make_client
from gateway_alerts.dynamodb import item_key
from tests.unit.cold_start import is_imported
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws

#: Of each service an operation that is used; its error is answered, so that no answer has to be made up.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("UpdateItem", {"TableName": "alerts", "Key": item_key("1")}),
    "secretsmanager": ("GetSecretValue", {"SecretId": "tokens"}),
    "sns": ("Publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:oncall", "Message": "m"}),
    "sqs": ("SendMessageBatch", {"QueueUrl": "https://sqs.invalid/alerts", "Entries": []}),
    "ssm": ("GetParameter", {"Name": "/config"}),
}
STOCK = Session()
#: Two of each partition that botocore knows, so also of those that spell their addresses otherwise.
REGIONS = [
    region
    for partition in STOCK.get_available_partitions()
    for region in STOCK.get_available_regions("dynamodb", partition_name=partition)[:2]
]


def request_of(client: BaseClient, service: str, fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where a call goes, and what it is signed for."""
    sent: list[AWSPreparedRequest] = []

    def send(_: object, request: AWSPreparedRequest) -> AWSResponse:
        sent.append(request)
        return fake_aws.send(request)

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", send)
    operation, arguments = CALLS[service]
    fake_aws.answers[operation] = AwsError("AccessDeniedException")
    with pytest.raises(client.exceptions.ClientError):
        getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())(**arguments)
    authorization = sent[0].headers["Authorization"].decode()
    return {"url": sent[0].url, "signed for": re.sub(r"/\d{8}/", "/", authorization.partition(",")[0])}


@pytest.fixture
def new_session(fake_aws: FakeAws) -> None:
    aws_sdk._session.cache_clear()


@pytest.mark.usefixtures("new_session")
@pytest.mark.parametrize("service", CALLS)
def test_a_call_goes_where_botocore_itself_would_send_it(
    fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    ours, stock = {}, {}
    for region in REGIONS:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        ours[region] = request_of(make_client(service), service, fake_aws, monkeypatch)  # type: ignore[arg-type]
        stock[region] = request_of(STOCK.create_client(service), service, fake_aws, monkeypatch)

    assert ours == stock
    assert any("amazonaws.com.cn" in request["url"] for request in ours.values())


@pytest.mark.usefixtures("new_session")
def test_the_table_of_all_endpoints_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    load = JSONFileLoader.load_file

    def load_file(self: JSONFileLoader, path: str) -> Any:
        read.append(path.rpartition("/data/")[2])
        return load(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", load_file)
    make_client("sqs")

    assert any(path.startswith("sqs/") for path in read)
    assert "endpoints" not in read


def test_a_client_needs_no_boto3() -> None:
    assert not is_imported("boto3", by="from gateway_alerts.aws import aws_client; aws_client('sqs')")
