"""What is posted to anybody's webhook, how it is signed, and how a receiver checks that."""

import hashlib
import hmac
import inspect
import json
import re
import textwrap
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from notify.destinations import http, webhook
from notify.destinations.webhook import Webhook, signed, verdict
from notify.outcomes import Delivered, RetryLater
from tests.unit.notify.fakes import NOW, WEBHOOK, FakeSlack, make_item, make_items
from tests.unit.notify.outsides import SIGNING_SECRET


def posted(*, secret: str | None = SIGNING_SECRET, now: datetime = NOW, number: int = 2) -> httpx.Request:
    outside = FakeSlack(lambda _: httpx.Response(204))
    target = Webhook(SecretStr(WEBHOOK), secret=None if secret is None else SecretStr(secret), client=outside.client)
    (message,) = target.compose(make_items(number), now=now)

    assert target.post(message) == Delivered()
    return outside.requests[0]


def documented_check() -> Callable[[Mapping[str, str], bytes, str], bool]:
    """The receiver's function, as the module's docstring has it."""
    text = inspect.cleandoc(webhook.__doc__ or "").partition("In Python::")[2]
    namespace: dict[str, Callable[[Mapping[str, str], bytes, str], bool]] = {}
    exec(textwrap.dedent(text), namespace)  # type: ignore[arg-type]
    return namespace["is_genuine"]


@pytest.mark.parametrize("status", range(100, 600))
def test_any_2xx_is_a_success_and_another_status_means_what_it_means_everywhere(status: int) -> None:
    assert verdict(status) == (Delivered() if status // 100 == 2 else http.verdict(status))


def test_retry_after_is_read_from_the_answer() -> None:
    outside = FakeSlack(lambda _: httpx.Response(429, headers={"Retry-After": "17"}))
    target = Webhook(SecretStr(WEBHOOK), secret=None, client=outside.client)
    outcome = target.post(target.compose([make_item()], now=NOW)[0])

    assert isinstance(outcome, RetryLater)
    assert outcome.seconds == 17


def test_what_is_posted() -> None:
    request = posted()
    document = json.loads(request.content)

    assert (request.method, str(request.url)) == ("POST", WEBHOOK)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-gateway-alerts-delivery"] == document["delivery"]
    assert request.headers["x-gateway-alerts-timestamp"] == str(int(NOW.timestamp()))
    assert [alert["entity"]["name"] for alert in document["alerts"]] == ["service-00000", "service-00001"]


def test_the_signature_is_of_the_version_the_timestamp_and_the_body_as_it_is_posted() -> None:
    request = posted()
    content = b"v1:" + request.headers["x-gateway-alerts-timestamp"].encode() + b":" + request.content
    expected = hmac.new(SIGNING_SECRET.encode(), content, hashlib.sha256).hexdigest()

    assert request.headers["x-gateway-alerts-signature"] == f"v1={expected}"


def test_a_signature_that_was_made_elsewhere() -> None:
    """Made with: printf 'v1:1795435200:{"a":1}' | openssl dgst -sha256 -hmac secret."""
    assert signed(b'{"a":1}', secret=SecretStr("secret"), timestamp="1795435200") == {
        "X-Gateway-Alerts-Timestamp": "1795435200",
        "X-Gateway-Alerts-Signature": "v1=b8095e0fadc65dfd352434191de0c50192d50a0df15dbc6d8fd89ca8c858854b",
    }


def test_a_secret_that_is_no_text_is_no_crash() -> None:
    assert re.fullmatch(r"v1=[0-9a-f]{64}", signed(b"", secret=SecretStr("\udc80é"), timestamp="1")["X-Gateway-Alerts-Signature"])


def test_without_a_secret_nothing_is_signed_and_the_delivery_is_named_all_the_same() -> None:
    headers = posted(secret=None).headers

    assert "x-gateway-alerts-signature" not in headers
    assert "x-gateway-alerts-timestamp" not in headers
    assert headers["x-gateway-alerts-delivery"]


def test_a_delivery_that_comes_again_has_the_same_name_and_other_alerts_have_another() -> None:
    first, again, other = posted(), posted(now=NOW + timedelta(minutes=5)), posted(number=3)
    name = "x-gateway-alerts-delivery"

    assert first.headers[name] == again.headers[name] != other.headers[name]
    assert re.fullmatch("[0-9a-f]{32}", first.headers[name])


@pytest.mark.parametrize(
    ("change", "is_genuine"),
    [
        pytest.param({}, True, id="as it was posted"),
        pytest.param({"body": b'{"version":1}'}, False, id="another body"),
        pytest.param({"secret": "another"}, False, id="another secret"),
        pytest.param({"age": timedelta(minutes=4)}, True, id="four minutes old"),
        pytest.param({"age": timedelta(minutes=6)}, False, id="six minutes old: somebody plays it back"),
        pytest.param({"age": -timedelta(minutes=6)}, False, id="six minutes ahead"),
        pytest.param({"X-Gateway-Alerts-Timestamp": "soon"}, False, id="a timestamp that is none"),
        pytest.param({"X-Gateway-Alerts-Timestamp": "²"}, False, id="a timestamp of a superscript digit"),
        pytest.param({"X-Gateway-Alerts-Signature": ""}, False, id="no signature"),
        pytest.param({"X-Gateway-Alerts-Signature": "v1=é"}, False, id="a signature beyond ASCII"),
        pytest.param({"X-Gateway-Alerts-Signature": "v0=" + "0" * 64}, False, id="a signature of another version"),
    ],
)
def test_the_documented_check_tells_what_is_genuine(change: dict[str, object], is_genuine: bool) -> None:
    change = dict(change)
    age = change.pop("age", timedelta(seconds=2))
    assert isinstance(age, timedelta)
    request = posted(now=datetime.now(UTC) - age)
    body, secret = change.pop("body", request.content), change.pop("secret", SIGNING_SECRET)
    headers = {**dict(request.headers), **{name.lower(): str(value) for name, value in change.items()}}

    assert documented_check()(CaseInsensitive(headers), body, secret) is is_genuine  # type: ignore[arg-type]


def test_the_documented_check_refuses_an_old_one_with_a_new_timestamp() -> None:
    request = posted(now=datetime.now(UTC) - timedelta(minutes=4))
    headers = {**dict(request.headers), "x-gateway-alerts-timestamp": str(int(time.time()))}

    assert documented_check()(CaseInsensitive(headers), request.content, SIGNING_SECRET) is False


class CaseInsensitive(dict[str, str]):
    """Headers as web frameworks give them."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        return super().get(name.lower(), default)
