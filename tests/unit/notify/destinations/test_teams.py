"""What Teams' answers mean."""

import httpx
import pytest
from pydantic import SecretStr

from notify.destinations import http
from notify.destinations.teams import TeamsWebhook, verdict
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from tests.unit.notify.fakes import NOW, WEBHOOK, FakeSlack, make_item

TRY_AGAIN = RetryLater(Reason.SERVER_ERROR)
WITHIN = (
    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {} with ContextId tcid=1,cv=x.."
)


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_with_a_body_that_says_nothing(status: int) -> None:
    """202 is a flow's success, whatever it says; 412 is to be tried again; anything else means what it means everywhere."""
    expected = {202: Delivered(), 412: TRY_AGAIN}.get(status, http.verdict(status))

    assert verdict(status, "<html>something</html>") == expected


@pytest.mark.parametrize(
    ("status", "body", "is_delivered"),
    [
        pytest.param(202, "", True, id="a flow took it"),
        pytest.param(200, "1", True, id="an incoming webhook took it"),
        pytest.param(200, "", True, id="a flow with an answer of its own took it"),
        pytest.param(200, "0", False, id="another number is no success"),
        pytest.param(200, "11", False, id="more than 1 is no success"),
        pytest.param(200, "<html>Sign in</html>", False, id="a page with 200 is no success"),
        pytest.param(200, '{"ok": true}', False, id="another service's success is none"),
        pytest.param(201, "1", False, id="1 with 201 is no success"),
        pytest.param(204, "", False, id="204 is no success"),
        pytest.param(302, "", False, id="a redirect to a sign-in page is no success"),
        pytest.param(400, "1", False, id="1 with 400 is no success"),
    ],
)
def test_success(status: int, body: str, is_delivered: bool) -> None:
    assert (verdict(status, body) == Delivered()) is is_delivered


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize(
    ("within", "expected"),
    [
        pytest.param(400, Permanent(Reason.PAYLOAD_REFUSED, "status 400"), id="400: the card is wrong"),
        pytest.param(403, Permanent(Reason.CONFIGURATION, "status 403"), id="403: the webhook may not post here"),
        pytest.param(404, Permanent(Reason.CONFIGURATION, "status 404"), id="404: the channel is gone"),
        pytest.param(412, TRY_AGAIN, id="412: to be tried again"),
        pytest.param(413, Permanent(Reason.PAYLOAD_REFUSED, "status 413"), id="413: the card is too large"),
        pytest.param(429, RetryLater(Reason.RATE_LIMITED), id="429: too many for this channel"),
        pytest.param(502, Ambiguous(Reason.SERVER_ERROR), id="502: it may have been posted"),
        pytest.param(504, Ambiguous(Reason.SERVER_ERROR), id="504: it may have been posted"),
    ],
)
def test_an_error_within_a_success_is_what_counts(status: int, within: int, expected: Outcome) -> None:
    assert verdict(status, WITHIN.format(within)) == expected


@pytest.mark.parametrize("body", [WITHIN.format(4290), WITHIN.format("four"), "HTTP error 429"])
def test_what_only_looks_like_an_error_within_is_not_taken_for_one(body: str) -> None:
    assert verdict(200, body) == Permanent(Reason.UNEXPECTED_ANSWER, "status 200")


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_from_the_answer(status: int) -> None:
    teams = FakeSlack(lambda _: httpx.Response(status, headers={"Retry-After": "17"}))
    target = TeamsWebhook(SecretStr(WEBHOOK), client=teams.client)

    assert target.post(target.compose([make_item()], now=NOW)[0]) == RetryLater(Reason.RATE_LIMITED, 17)


def test_what_is_refused_is_plainer_the_second_time() -> None:
    target = TeamsWebhook(SecretStr(WEBHOOK), client=FakeSlack().client)
    (message,) = target.compose([make_item()], now=NOW)
    plainer = target.degrade(message)

    assert plainer is not None
    assert plainer.items == message.items
    assert "RichTextBlock" in str(message.payload)
    assert "RichTextBlock" not in str(plainer.payload)
    assert target.degrade(plainer) is None
