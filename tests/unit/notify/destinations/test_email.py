"""What SNS's answers mean, and what happens when there is none. The error codes are those of the SDK's own model."""

from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import botocore.parsers
import botocore.session
import pytest
from botocore.exceptions import ClientError

from gateway_alerts.aws import aws_client
from notify.destinations.email import CONFIGURATION_ERRORS, PAYLOAD_ERRORS, THROTTLED, Email
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from tests.unit.gateway_alerts.conftest import fake_aws  # noqa: F401 (a fixture)
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws
from tests.unit.notify.fakes import NOW, make_item
from tests.unit.notify.outsides import TOPIC_ARN, FakeSNS, sns_refuses

#: Every error that SNS documents for Publish, by its code on the wire; and the general ones of AWS.
REFUSALS: dict[str, Outcome] = {
    "InvalidParameter": Permanent(Reason.PAYLOAD_REFUSED, "InvalidParameter"),
    "ParameterValueInvalid": Permanent(Reason.PAYLOAD_REFUSED, "ParameterValueInvalid"),
    "ValidationException": Permanent(Reason.PAYLOAD_REFUSED, "ValidationException"),
    "ValidationError": Permanent(Reason.PAYLOAD_REFUSED, "ValidationError"),
    "NotFound": Permanent(Reason.CONFIGURATION, "NotFound"),
    "EndpointDisabled": Permanent(Reason.CONFIGURATION, "EndpointDisabled"),
    "PlatformApplicationDisabled": Permanent(Reason.CONFIGURATION, "PlatformApplicationDisabled"),
    "AuthorizationError": Permanent(
        Reason.CONFIGURATION, "AuthorizationError: the topic's name must begin with the stack's name and a hyphen"
    ),
    "AccessDenied": Permanent(Reason.CONFIGURATION, "AccessDenied"),
    "AccessDeniedException": Permanent(Reason.CONFIGURATION, "AccessDeniedException"),
    "InvalidSecurity": Permanent(Reason.CONFIGURATION, "InvalidSecurity"),
    "KMSDisabled": Permanent(Reason.CONFIGURATION, "KMSDisabled"),
    "KMSInvalidState": Permanent(Reason.CONFIGURATION, "KMSInvalidState"),
    "KMSNotFound": Permanent(Reason.CONFIGURATION, "KMSNotFound"),
    "KMSOptInRequired": Permanent(Reason.CONFIGURATION, "KMSOptInRequired"),
    "KMSAccessDenied": Permanent(Reason.CONFIGURATION, "KMSAccessDenied"),
    "KMSThrottling": RetryLater(Reason.RATE_LIMITED),
    "Throttled": RetryLater(Reason.RATE_LIMITED),
    "ThrottledException": RetryLater(Reason.RATE_LIMITED),
    "Throttling": RetryLater(Reason.RATE_LIMITED),
    "ThrottlingException": RetryLater(Reason.RATE_LIMITED),
    "TooManyRequestsException": RetryLater(Reason.RATE_LIMITED),
    "RequestLimitExceeded": RetryLater(Reason.RATE_LIMITED),
}


def outcome_of(error: Exception) -> Outcome:
    target = Email(TOPIC_ARN, client=FakeSNS(error).client)  # type: ignore[arg-type]
    return target.post(target.compose([make_item()], now=NOW)[0])


def documented() -> Iterator[str]:
    """Codes of the errors that the SDK's model lists for Publish, but for its own failure."""
    model = botocore.session.Session().get_service_model("sns")
    for shape in model.operation_model("Publish").error_shapes:
        if shape.metadata["error"]["httpStatusCode"] < 500:
            yield shape.metadata["error"]["code"]


def test_every_documented_error_has_its_verdict() -> None:
    assert set(documented()) - set(REFUSALS) == set()
    assert set(REFUSALS) == THROTTLED | CONFIGURATION_ERRORS | PAYLOAD_ERRORS


@pytest.mark.parametrize(("code", "expected"), REFUSALS.items(), ids=REFUSALS)
def test_refusal(code: str, expected: Outcome) -> None:
    assert outcome_of(sns_refuses(code)) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            sns_refuses("InvalidParameter", 400, "Invalid parameter: TopicArn Reason: …"),
            Permanent(Reason.CONFIGURATION, "InvalidParameter"),
            id="the topic is of another region or account: not the message's fault",
        ),
        pytest.param(
            sns_refuses("InvalidClientTokenId", 403),
            Permanent(Reason.CONFIGURATION, "InvalidClientTokenId"),
            id="403 of any code",
        ),
        pytest.param(sns_refuses("x", 401), Permanent(Reason.CONFIGURATION, "x"), id="401 of any code"),
        pytest.param(sns_refuses("x", 404), Permanent(Reason.CONFIGURATION, "x"), id="404 of any code"),
        pytest.param(sns_refuses("x", 413), Permanent(Reason.PAYLOAD_REFUSED, "x"), id="413 of any code: too large"),
        pytest.param(sns_refuses("InternalError", 500), Ambiguous(Reason.SERVER_ERROR), id="500: it may have been mailed"),
        pytest.param(sns_refuses("ServiceUnavailable", 503), Ambiguous(Reason.SERVER_ERROR), id="503: it may have been mailed"),
        pytest.param(sns_refuses("Other", 400), Permanent(Reason.UNEXPECTED_ANSWER, "Other"), id="400 of a code not known"),
        pytest.param(
            sns_refuses("https://a.test/x", 400),
            Permanent(Reason.UNEXPECTED_ANSWER, "status 400"),
            id="a code that is no code is not shown",
        ),
        pytest.param(
            ClientError({}, "Publish"), Permanent(Reason.UNEXPECTED_ANSWER, "status 0"), id="an error that says nothing"
        ),
    ],
)
def test_another_refusal(error: Exception, expected: Outcome) -> None:
    assert outcome_of(error) == expected


URL = "https://sns.test"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            botocore.exceptions.EndpointConnectionError(endpoint_url=URL), RetryLater(Reason.CANNOT_CONNECT), id="no connection"
        ),
        pytest.param(
            botocore.exceptions.ConnectTimeoutError(endpoint_url=URL),
            RetryLater(Reason.CANNOT_CONNECT),
            id="no connection in time",
        ),
        pytest.param(botocore.exceptions.SSLError(endpoint_url=URL, error="x"), RetryLater(Reason.CANNOT_CONNECT), id="no trust"),
        pytest.param(botocore.exceptions.ProxyConnectionError(proxy_url=URL), RetryLater(Reason.CANNOT_CONNECT), id="no way out"),
        pytest.param(
            botocore.exceptions.CredentialRetrievalError(provider="x", error_msg="y"),
            RetryLater(Reason.CANNOT_CONNECT),
            id="credentials that could not be fetched this time",
        ),
        pytest.param(botocore.exceptions.ReadTimeoutError(endpoint_url=URL), Ambiguous(Reason.NO_ANSWER), id="no answer in time"),
        pytest.param(botocore.exceptions.ConnectionClosedError(endpoint_url=URL), Ambiguous(Reason.NO_ANSWER), id="hung up on"),
        pytest.param(botocore.exceptions.HTTPClientError(error="x"), Ambiguous(Reason.NO_ANSWER), id="broken off"),
        pytest.param(
            botocore.parsers.ResponseParserError("no XML"), Ambiguous(Reason.NO_ANSWER), id="an answer that cannot be read"
        ),
        pytest.param(OSError("too many files"), Ambiguous(Reason.NO_ANSWER), id="an error of the machine"),
        pytest.param(
            botocore.exceptions.NoCredentialsError(), Permanent(Reason.CONFIGURATION, "NoCredentialsError"), id="no credentials"
        ),
        pytest.param(botocore.exceptions.NoRegionError(), Permanent(Reason.CONFIGURATION, "NoRegionError"), id="no region"),
    ],
)
def test_no_answer(error: Exception, expected: Outcome) -> None:
    assert outcome_of(error) == expected


def test_a_client_that_cannot_be_made_is_an_outcome() -> None:
    def client() -> Any:
        raise botocore.exceptions.NoRegionError

    target = Email(TOPIC_ARN, client=client)
    assert target.post(target.compose([make_item()], now=NOW)[0]) == Permanent(Reason.CONFIGURATION, "NoRegionError")


def test_what_is_published() -> None:
    sns = FakeSNS()
    target = Email(TOPIC_ARN, client=sns.client)  # type: ignore[arg-type]
    (message,) = target.compose([make_item()], now=NOW)

    assert target.post(message) == Delivered()
    assert sns.published == [{"TopicArn": TOPIC_ARN, **message.payload}]


def test_what_is_refused_has_no_subject_the_second_time() -> None:
    target = Email(TOPIC_ARN, client=FakeSNS().client)  # type: ignore[arg-type]
    (message,) = target.compose([make_item()], now=NOW)
    plainer = target.degrade(message)

    assert plainer is not None
    assert plainer.payload == {"Message": message.payload["Message"]}
    assert plainer.items == message.items
    assert target.degrade(plainer) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param({"MessageId": "1"}, Delivered(), id="a message id"),
        pytest.param(AwsError("NotFound"), Permanent(Reason.CONFIGURATION, "NotFound"), id="an error"),
        pytest.param(
            botocore.exceptions.ConnectTimeoutError(endpoint_url=URL), RetryLater(Reason.CANNOT_CONNECT), id="no connection"
        ),
        pytest.param(botocore.exceptions.ReadTimeoutError(endpoint_url=URL), Ambiguous(Reason.NO_ANSWER), id="no answer"),
    ],
)
def test_the_real_client_asks_once(fake_aws: FakeAws, answer: Any, expected: Outcome) -> None:  # noqa: F811
    fake_aws.answers["Publish"] = answer
    target = Email(TOPIC_ARN, client=lambda: aws_client("sns"))
    (message,) = target.compose([make_item()], now=NOW)

    assert target.post(message) == expected
    assert [(name, asked["TopicArn"], asked["Message"]) for name, asked in fake_aws.calls] == [
        ("Publish", TOPIC_ARN, message.payload["Message"])
    ]
