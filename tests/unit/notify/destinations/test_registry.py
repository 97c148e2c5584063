"""Destinations by name: from the configuration, or the default one."""

import pytest
from pydantic import SecretStr

from gateway_alerts.config import Config, parse_config
from gateway_alerts.config import Destination as DestinationSettings
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from notify.destinations.base import Destination, Message
from notify.destinations.email import Email
from notify.destinations.registry import DESTINATION_TYPES, Clients, open_destination
from notify.destinations.teams import TeamsWebhook
from notify.destinations.webhook import Webhook
from notify.outcomes import Delivered
from tests.unit.notify.fakes import NOW, FakeSlack, assert_no_secret, make_item, said_by
from tests.unit.notify.outsides import ADDRESS, SIGNING_SECRET, TOPIC_ARN, FakeSNS

DEFAULT_URL = "https://default.slack.test/x"
CONFIG = parse_config(
    """{
        "destinations": {"finance": {"url": "os.environ/FINANCE_URL"}, "broken": {"url": "os.environ/HTTP_URL"}},
        "alert_to_webhook_url": {"budget_alerts": ["os.environ/BUDGET_URL", "os.environ/SECOND_URL"]}
    }"""
)
ENVIRONMENT = {
    "FINANCE_URL": " https://finance.slack.test/x\n",
    "BUDGET_URL": "https://budget.slack.test/x",
    "SECOND_URL": "https://second.slack.test/x",
    "HTTP_URL": "http://hooks.slack.test/services/T0SECRET1",
}


def clients(slack: FakeSlack | None = None, sns: FakeSNS | None = None) -> Clients:
    return Clients(http=(slack or FakeSlack()).client, sns=(sns or FakeSNS()).client)  # type: ignore[arg-type]


def opened(
    name: str,
    *,
    slack: FakeSlack | None = None,
    sns: FakeSNS | None = None,
    config: Config = CONFIG,
    environment: dict[str, str] = ENVIRONMENT,
) -> Destination:
    return open_destination(
        name,
        config=config,
        default_url=lambda: SecretStr(DEFAULT_URL),
        clients=clients(slack, sns),
        environment=environment,
    )


@pytest.mark.parametrize(
    ("name", "url"),
    [
        pytest.param("finance", "https://finance.slack.test/x", id="a named one, its secret without the blanks around it"),
        pytest.param("budget_alerts", "https://budget.slack.test/x", id="LiteLLM's first webhook of an alert type"),
        pytest.param("budget_alerts.2", "https://second.slack.test/x", id="LiteLLM's second webhook of an alert type"),
        pytest.param("default", DEFAULT_URL, id="the default one"),
    ],
)
def test_a_destination_posts_to_its_own_url(name: str, url: str) -> None:
    slack = FakeSlack()

    outcome = opened(name, slack=slack).post(Message({"text": "x"}, ()))

    assert outcome == Delivered()
    assert [str(request.url) for request in slack.requests] == [url]


def test_the_configuration_may_say_what_default_is() -> None:
    config = parse_config('{"destinations": {"default": {"url": "os.environ/FINANCE_URL"}}}')
    slack = FakeSlack()

    opened("default", slack=slack, config=config).post(Message({"text": "x"}, ()))

    assert slack.requests[0].url.host == "finance.slack.test"


@pytest.mark.parametrize(
    ("name", "environment", "says"),
    [
        pytest.param("nobody", ENVIRONMENT, "no destination is called 'nobody'", id="an unknown name is named"),
        pytest.param("finance", {}, "os.environ/FINANCE_URL is empty or not set", id="a missing variable is named"),
        pytest.param("finance", {"FINANCE_URL": "  "}, "os.environ/FINANCE_URL is empty or not set", id="a blank one is missing"),
        pytest.param("broken", ENVIRONMENT, "https://", id="an unsafe URL says what a safe one is"),
    ],
)
def test_a_destination_that_cannot_be_opened(name: str, environment: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        opened(name, environment=environment)

    assert_no_secret(str(caught.value), repr(caught.value))


@pytest.mark.parametrize(
    "error", [ConfigurationError("not set"), DependencyUnavailable("Secrets Manager")], ids=lambda e: type(e).__name__
)
def test_a_default_url_that_cannot_be_had_is_passed_on(error: Exception) -> None:
    def default_url() -> SecretStr:
        raise error

    with pytest.raises(type(error)):
        open_destination("default", config=Config(), default_url=default_url, clients=clients(), environment={})


def test_every_type_that_the_configuration_takes_has_a_row_and_no_other() -> None:
    allowed = DestinationSettings.model_json_schema()["properties"]["type"]
    assert set(DESTINATION_TYPES) == set(allowed.get("enum", [allowed.get("const")]))


def test_a_destination_does_not_show_its_secrets() -> None:
    for make in DESTINATION_TYPES.values():
        made = make(ADDRESS, clients())
        assert_no_secret(made)
        assert SIGNING_SECRET not in said_by(made) + said_by(ADDRESS)


OF_EVERY_TYPE = parse_config(
    """{"destinations": {
        "team": {"type": "teams", "url": "os.environ/FINANCE_URL"},
        "hook": {"type": "webhook", "url": "os.environ/FINANCE_URL"},
        "signed": {"type": "webhook", "url": "os.environ/FINANCE_URL", "secret": "os.environ/SIGNING_SECRET"},
        "mail": {"type": "email", "topic_arn": "arn:aws:sns:us-east-1:123456789012:gateway-alerts-oncall"}
    }}"""
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("team", TeamsWebhook), ("hook", Webhook), ("signed", Webhook), ("mail", Email)],
)
def test_a_destination_is_of_the_type_that_the_configuration_says(name: str, kind: type) -> None:
    environment = ENVIRONMENT | {"SIGNING_SECRET": SIGNING_SECRET}
    assert type(opened(name, config=OF_EVERY_TYPE, environment=environment)) is kind


@pytest.mark.parametrize(("name", "is_signed"), [("hook", False), ("signed", True)], ids=["without a secret", "with a secret"])
def test_a_webhook_is_signed_when_it_has_a_secret(name: str, is_signed: bool) -> None:
    slack = FakeSlack()
    environment = ENVIRONMENT | {"SIGNING_SECRET": SIGNING_SECRET}
    hook = opened(name, slack=slack, config=OF_EVERY_TYPE, environment=environment)

    hook.post(hook.compose([make_item()], now=NOW)[0])

    assert ("x-gateway-alerts-signature" in slack.requests[0].headers) is is_signed


def test_a_webhook_whose_secret_is_missing_is_not_opened_rather_than_unsigned() -> None:
    with pytest.raises(ConfigurationError, match=r"os\.environ/SIGNING_SECRET is empty or not set"):
        opened("signed", config=OF_EVERY_TYPE)


def test_mail_goes_to_its_topic() -> None:
    sns = FakeSNS()
    mail = opened("mail", sns=sns, config=OF_EVERY_TYPE)

    assert mail.post(mail.compose([make_item()], now=NOW)[0]) == Delivered()
    assert [published["TopicArn"] for published in sns.published] == [TOPIC_ARN]
