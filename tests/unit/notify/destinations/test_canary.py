from datetime import UTC, datetime

from evaluate.canary import canary_alert
from gateway_alerts.config import parse_config
from notify.destinations.canary import Canary
from notify.destinations.registry import Clients, open_destination
from notify.destinations.slack import SlackWebhook
from notify.grouping import AlertItem
from notify.outcomes import Delivered
from tests.unit.notify.destinations.test_registry import opened
from tests.unit.notify.fakes import FakeSlack
from tests.unit.notify.outsides import FakeSNS

NOW = datetime(2026, 11, 23, 9, 25, 44, tzinfo=UTC)


def item() -> AlertItem:
    alert = canary_alert(now=NOW, request_id="r")
    return AlertItem(alert, {alert.alert_id}, [])


def test_it_is_composed_as_for_a_channel_and_posted_nowhere() -> None:
    slack = FakeSlack()
    canary = opened("canary", slack=slack)
    assert isinstance(canary, Canary)
    canaries = [item()]
    (message,) = canary.compose(canaries, now=NOW)
    assert message.items == tuple(canaries)
    assert canary.post(message) == Delivered()
    assert canary.degrade(message) is None
    assert slack.requests == []


def test_the_configuration_may_send_it_to_a_channel() -> None:
    slack = FakeSlack()
    config = parse_config('{"destinations": {"canary": {"url": "os.environ/FINANCE_URL"}}}')
    channel = opened("canary", slack=slack, config=config)
    assert isinstance(channel, SlackWebhook)
    (message,) = channel.compose([item()], now=NOW)
    assert channel.post(message) == Delivered()
    assert "test alert, every five minutes" in message.payload["text"]
    assert [request.url.host for request in slack.requests] == ["finance.slack.test"]


def test_it_needs_no_webhook_of_the_deployment() -> None:
    def default_url() -> None:
        raise AssertionError("asked for")

    made = open_destination(
        "canary",
        config=parse_config(""),
        default_url=default_url,  # type: ignore[arg-type]
        clients=Clients(http=FakeSlack().client, sns=FakeSNS().client),  # type: ignore[arg-type]
        environment={},
    )
    assert isinstance(made, Canary)
