"""LiteLLM's configuration file → ours: the JSON on stdout, and on stderr a line for each setting that was read.

``make import-litellm CONFIG=proxy_config.yaml > config.json``. A line says what is ``covered`` (taken as it is), ``changed``
or ``dropped`` (and why), ``unknown`` (it could be about alerts, and is not guessed) or ``left`` (it is not about alerts);
then come the commands that store what is secret, and what to put into the gateway. Nothing is called or stored. Of the
file's values none is printed but names that we know: a webhook's URL is a secret.

Meanings and defaults are those of LiteLLM 1.109.1. What it keeps elsewhere (its database, the environment of its process)
is not seen.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from gateway_alerts.alert_types import ALERT_TYPES, BUDGET_ALERTS, LLM_EXCEPTIONS, LLM_REQUESTS_HANGING, LLM_TOO_SLOW
from gateway_alerts.alerts import DEFAULT_DESTINATION
from gateway_alerts.config import DEFAULT_THRESHOLDS, AlertingArgs, parse_config, shown
from gateway_alerts.errors import ConfigurationError

Kind = Literal["covered", "changed", "dropped", "unknown", "left"]
DEFAULT_STACK_NAME = "gateway-alerts"
#: LiteLLM's when ``alerting`` is set and ``alerting_threshold`` is not.
UNSET_THRESHOLD_SECONDS = 600
#: What LiteLLM's router alerts about by itself.
ROUTER_ALERT_TYPES = (LLM_EXCEPTIONS, LLM_TOO_SLOW, LLM_REQUESTS_HANGING)
#: These two are right or wrong together.
OUTAGE_THRESHOLDS = frozenset({"minor_outage_alert_threshold", "major_outage_alert_threshold"})
CALLBACK_LISTS = ("callbacks", "success_callback", "failure_callback")
#: Where a name could be about alerts, we say so rather than leave it.
TELLING = re.compile(r"alert|webhook|slack|teams_|pagerduty|sentry|spend_report|smtp|email", re.IGNORECASE)

Fate = tuple[Kind, str]
SENTRY: Fate = ("dropped", "no counterpart; the functions' own failures are CloudWatch alarms")
PAGERDUTY: Fate = ("dropped", "no counterpart; subscribe it to the stack's AlarmTopicArn, or use a destination of type webhook")
MAIL: Fate = ("changed", "SNS sends the mails: destinations.email, for budget_alerts, to whoever is subscribed")
MAILER: Fate = ("dropped", "SNS sends the mails")
DEFAULT_URL: Fate = ("changed", "is the default destination: `make deploy` asks for it as SlackWebhookUrl")
BUDGET: Fate = ("covered", "stays in the gateway; crossing it is an alert of type budget_alerts")
STAYS: Fate = ("covered", "stays, gateway_alerts comes beside it")
CALLBACKS: dict[str, Fate] = {
    **dict.fromkeys(("generic_api", "aws_sqs"), STAYS),
    **dict.fromkeys(("smtp_email", "resend_email", "sendgrid_email"), MAIL),
    "sentry": SENTRY,
    "pagerduty": PAGERDUTY,
}
#: Section → setting → what becomes of it whatever its value is.
FATES: dict[str, dict[str, Fate]] = {
    "": {"callback_settings": STAYS, "include": ("dropped", "the files that it names are not read: import them too")},
    "general_settings.alerting": {
        "slack": ("covered", "the default destination"),
        "ms_teams": ("changed", "becomes destinations.teams, of type teams"),
        "webhook": ("changed", "becomes destinations.webhook, for budget_alerts as before; the body is ours"),
        "email": MAIL,
        "sentry": SENTRY,
        "pagerduty": PAGERDUTY,
    },
    "general_settings.alerting_args": {
        "report_check_interval": ("dropped", "reports are due on a schedule, and nothing looks in between"),
        "max_outage_alert_list_size": ("dropped", "errors are counted, and no list of them has a size"),
        "log_to_console": ("dropped", "what is posted is not logged as well"),
        "failure_threshold": PAGERDUTY,
        "failure_threshold_window_seconds": PAGERDUTY,
        "hanging_threshold_seconds": PAGERDUTY,
        "hanging_threshold_window_seconds": PAGERDUTY,
    },
    **{f"litellm_settings.{callbacks}": CALLBACKS for callbacks in CALLBACK_LISTS},
    "litellm_settings": dict.fromkeys(
        ("max_budget", "budget_duration", "default_soft_budget", "max_end_user_budget", "max_internal_user_budget"), BUDGET
    ),
    "environment_variables": {
        **dict.fromkeys(("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL"), DEFAULT_URL),
        "WEBHOOK_URL": ("changed", "becomes ours, see below"),
        "MS_TEAMS_WEBHOOK_URL": ("changed", "is asked for below where alerting has ms_teams, and not used where it has not"),
        "DEFAULT_BATCH_SIZE": ("changed", "300 at most, see below"),
        "PROXY_BASE_URL": ("dropped", "an alert names its gateway by the name of its token"),
        "PAGERDUTY_API_KEY": PAGERDUTY,
        "SENTRY_DSN": SENTRY,
        **dict.fromkeys(("SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_SENDER_EMAIL", "SMTP_TLS"), MAILER),
        **dict.fromkeys(("SENDGRID_API_KEY", "RESEND_API_KEY"), MAILER),
        "EMAIL_BUDGET_ALERT_TTL": ("dropped", "alerting_args.budget_alert_ttl holds for mails too"),
        "EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE": ("dropped", "give thresholds.key that rung"),
    },
}


class CannotImport(Exception):
    """Why there is no configuration, in a sentence without a value of the file."""


class Line(NamedTuple):
    """What became of one setting, or of several that are left."""

    kind: Kind
    setting: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.setting}{': ' if self.why else ''}{self.why}"


@dataclass
class Imported:
    """Our configuration, what became of each setting, the secrets to store (name → what to paste), the gateway's callbacks."""

    document: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    callbacks: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="import-litellm", description="Turn LiteLLM's configuration into ours.")
    parser.add_argument("file", help="LiteLLM's configuration, such as proxy_config.yaml")
    parser.add_argument("--stack-name", default=DEFAULT_STACK_NAME, help="default: %(default)s")
    parser.add_argument("--topic-arn", help="SNS topic for what LiteLLM mails")
    options = parser.parse_args(arguments)
    try:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", options.stack_name):
            raise CannotImport("STACK is not the name of a stack")
        imported = translate(read(options.file), stack=options.stack_name, topic_arn=options.topic_arn)
        document = json.dumps(imported.document, indent=2)
        parse_config(document)
    except (CannotImport, ConfigurationError) as error:
        print(f"import-litellm: {error}", file=sys.stderr)
        return 1
    print(document)
    print(*imported.lines, "", *_to_do(imported, stack=options.stack_name), sep="\n", file=sys.stderr)
    return 0


def read(file: str) -> Mapping[str, Any]:
    """The settings in a YAML file. Raises CannotImport, which names the place and never quotes it."""
    if not file:
        raise CannotImport("say which file: CONFIG=proxy_config.yaml")
    try:
        settings = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotImport(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CannotImport(f"{file}: is not text in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CannotImport(f"{file}{place}: is not YAML") from None
    if settings is None:
        raise CannotImport(f"{file}: is empty")
    if not isinstance(settings, Mapping):
        raise CannotImport(f"{file}: is not a mapping of settings")
    return settings


def translate(settings: Mapping[str, Any], *, stack: str, topic_arn: str | None = None) -> Imported:
    """Our configuration for LiteLLM's settings. Pure."""
    return _Translation(settings, stack=stack, topic_arn=topic_arn).run()


class _Translation:
    """One file on its way: its sections one by one, and last, when all are known, who gets which alerts."""

    def __init__(self, settings: Mapping[str, Any], *, stack: str, topic_arn: str | None) -> None:
        self._settings = settings
        self._stack = stack
        self._topic_arn = topic_arn
        self._out = Imported()
        self._secret_names: dict[str, str] = {}
        #: What LiteLLM sends alerts to: ``slack``, ``ms_teams``, ``webhook``, ``email``.
        self._sinks: set[str] = set()
        #: Alert type → names of secrets with the webhooks that its alerts go to.
        self._webhooks: dict[str, list[str]] = {}

    def run(self) -> Imported:
        """All of it, once."""
        sections = {
            "general_settings": self._general,
            "litellm_settings": self._library,
            "environment_variables": self._environment,
            "router_settings": self._router,
        }
        for name, take in sections.items():
            take(self._mapping(self._settings, name))
        self._tell("", self._settings.keys() - sections.keys())
        self._threshold()
        self._destinations()
        return self._out

    def _general(self, general: Mapping[str, Any]) -> None:
        place = "general_settings"
        alerting = [str(name) for name in _listed(general.get("alerting"))]
        self._sinks = set(alerting) & {"slack", "ms_teams", "webhook", "email"}
        self._tell(f"{place}.alerting", alerting)
        self._alert_types(general.get("alert_types"))
        for name, urls in self._mapping(general, "alert_to_webhook_url", place).items():
            self._alert_to_webhook_url(str(name), _listed(urls))
        for name in ("alerting_threshold", "spend_report_frequency"):
            self._take(place, {name: general.get(name)})
        self._alerting_args(self._mapping(general, "alerting_args", place))
        digests = self._mapping(general, "alert_type_config", place)
        for name in sorted(digests.keys() & ALERT_TYPES.keys()):
            self._take(f"{place}.alert_type_config", {name: digests[name]}, parent="alert_type_config")
        self._tell(f"{place}.alert_type_config", digests.keys() - ALERT_TYPES.keys())
        taken = {"alert_types", "alert_to_webhook_url", "alerting_threshold", "spend_report_frequency", "alert_type_config"}
        self._tell(place, general.keys() - taken - {"alerting", "alerting_args"})

    def _alert_types(self, given: object) -> None:
        place = "general_settings.alert_types"
        names = [str(name) for name in _listed(given)]
        known = [name for name in names if name in ALERT_TYPES]
        for name in known:
            self._say("covered", f"{place}.{name}")
        self._tell(place, set(names) - set(known))
        if known or given == []:
            self._out.document["alert_types"] = known
        elif names:
            self._say("dropped", place, "none of them is known, so the defaults are on")

    def _alert_to_webhook_url(self, alert_type: str, urls: Sequence[object]) -> None:
        place = "general_settings.alert_to_webhook_url"
        if alert_type not in ALERT_TYPES:
            self._tell(place, [alert_type])
        elif "slack" not in self._sinks:
            self._tell(place, [alert_type], why="LiteLLM does not use it without slack in alerting")
        else:
            names = [alert_type, *(f"{alert_type}.{position}" for position in range(2, len(urls) + 1))]
            secrets = [self._secret(url, name=name, setting=f"{place}.{name}") for url, name in zip(urls, names, strict=False)]
            if stored := [secret for secret in secrets if secret]:
                self._webhooks[alert_type] = stored

    def _alerting_args(self, args: Mapping[str, Any]) -> None:
        place = "general_settings.alerting_args"
        known = args.keys() & (AlertingArgs.model_fields.keys() - FATES[place].keys())
        for names in (known & OUTAGE_THRESHOLDS, *({name} for name in sorted(known - OUTAGE_THRESHOLDS))):
            self._take(place, {name: args[name] for name in sorted(names)}, parent="alerting_args")
        self._tell(place, args.keys() - known)

    def _library(self, library: Mapping[str, Any]) -> None:
        place, by_percentage = "litellm_settings", "default_key_max_budget_alert_emails"
        for name in CALLBACK_LISTS:
            callbacks = [str(callback) for callback in _listed(library.get(name))]
            self._tell(f"{place}.{name}", callbacks)
            if any(CALLBACKS.get(callback) is MAIL for callback in callbacks):
                self._sinks.add("email")
            if name == "callbacks":
                self._out.callbacks += map(shown, callbacks)
        mails = library.get(by_percentage)
        # As in LiteLLM, what is not a whole number from 1 to 100 does not count.
        matches = [re.fullmatch(r"[1-9][0-9]?|100", str(key)) for key in (mails if isinstance(mails, Mapping) else ())]
        if percentages := {int(match[0]) for match in matches if match}:
            usual = {int(threshold * 100) for threshold in DEFAULT_THRESHOLDS}
            self._out.document["thresholds"] = {"key": [percentage / 100 for percentage in sorted(usual | percentages)]}
            self._say("changed", f"{place}.{by_percentage}", "becomes thresholds.key, wherever alerts of keys go")
        elif mails is not None:
            self._say("dropped", f"{place}.{by_percentage}", "holds no whole percentage")
        self._tell(place, library.keys() - {*CALLBACK_LISTS, by_percentage})

    def _environment(self, variables: Mapping[str, Any]) -> None:
        place, frequency = "environment_variables", "SLACK_DAILY_REPORT_FREQUENCY"
        if "daily_report_frequency" in self._out.document.get("alerting_args", {}):
            self._tell(place, variables.keys() & {frequency}, why="that of alerting_args stands")
        else:
            seconds = {"daily_report_frequency": variables.get(frequency)}
            self._take(place, seconds, parent="alerting_args", setting=f"{place}.{frequency}")
        self._tell(place, variables.keys() - {frequency})

    def _router(self, router: Mapping[str, Any]) -> None:
        place = "router_settings.alerting_config"
        alerting = self._mapping(router, "alerting_config", "router_settings")
        if secret := alerting and self._secret(alerting.get("webhook_url"), name="router_alerts", setting=f"{place}.webhook_url"):
            self._webhooks = {name: [secret] for name in ROUTER_ALERT_TYPES} | self._webhooks
        if "alerting_threshold" in self._out.document:
            self._tell(place, alerting.keys() & {"alerting_threshold"}, why="that of general_settings stands")
        else:
            self._take(place, {"alerting_threshold": alerting.get("alerting_threshold")})
        self._tell(place, alerting.keys() - {"webhook_url", "alerting_threshold"})
        self._tell("router_settings", router.keys() - {"alerting_config"})

    def _threshold(self) -> None:
        setting = "general_settings.alerting_threshold"
        if self._sinks and "alerting_threshold" not in self._out.document:
            self._out.document["alerting_threshold"] = UNSET_THRESHOLD_SECONDS
            self._say("changed", setting, "there is none, which means 600 s in LiteLLM and 300 s here: 600 is written")

    def _destinations(self) -> None:
        """Who gets which alerts: in LiteLLM, Slack and Teams get every one, a webhook and e-mail budget alerts only."""
        document = self._out.document
        default = [DEFAULT_DESTINATION] if "slack" in self._sinks else []
        teams, budget_only = {}, {}
        if "ms_teams" in self._sinks:
            teams["teams"] = {"type": "teams", "url": self._variable("MS_TEAMS_WEBHOOK_URL")}
        if "webhook" in self._sinks:
            budget_only["webhook"] = {"type": "webhook", "url": self._variable("WEBHOOK_URL")}
        if "email" in self._sinks and self._topic_arn:
            budget_only["email"] = {"type": "email", "topic_arn": self._topic_arn}
        elif "email" in self._sinks:
            create = f"aws sns create-topic --name {self._stack}-mail"
            self._say("dropped", "e-mail", f"needs a topic: {create}, subscribe whom you want, then again with TOPIC_ARN=…")
        if not (default or teams or budget_only):
            self._say(
                "changed", "general_settings.alerting", "leads nowhere that we know; here alerts go to the default destination"
            )
        if not (teams or budget_only):
            if self._webhooks:
                document["alert_to_webhook_url"] = {name: list(map(self._reference, to)) for name, to in self._webhooks.items()}
            return
        slack = {secret: {"type": "slack", "url": self._reference(secret)} for to in self._webhooks.values() for secret in to}
        document["destinations"] = slack | teams | budget_only
        targets = dict(self._webhooks)
        if budget_only:
            targets.setdefault(BUDGET_ALERTS, default)
        document["routes"] = [
            {"alert_types": [name], "destinations": [*to, *teams, *(budget_only if name == BUDGET_ALERTS else ())]}
            for name, to in targets.items()
        ]
        if default or teams:
            document["routes"].append({"destinations": [*default, *teams]})
        else:
            document["alert_types"] = [name for name in document.get("alert_types", targets) if name in targets]
            why = "only budget_alerts (and the router's), since a webhook and e-mail get no others"
            self._say("changed", "general_settings.alert_types", why)

    def _take(self, place: str, values: Mapping[str, Any], *, parent: str = "", setting: str = "") -> None:
        """Write settings that we have too, under ``parent``, unless we refuse what they say. None is not set."""
        values = {name: value for name, value in values.items() if value is not None}
        if not values:
            return
        kind: Kind = "covered"
        why = ""
        try:
            parse_config(json.dumps({parent: values} if parent else values, default=str))
        except (ConfigurationError, ValueError) as error:  # YAML can hold what JSON cannot: a value within itself
            kind, why = "dropped", str(error).removeprefix("CONFIG: ")
        else:
            (self._out.document.setdefault(parent, {}) if parent else self._out.document).update(values)
        for name in values:
            ours = f"{parent}.{name}".removeprefix(".")
            self._say(kind, setting or f"{place}.{name}", why.removeprefix(f"{ours}: "))

    def _secret(self, value: object, *, name: str, setting: str) -> str | None:
        """The name of the secret that is to hold a URL, one for each URL; None when it is none."""
        text = str(value).strip()
        if variable := re.fullmatch(r"os\.environ/([A-Za-z_][A-Za-z0-9_]{0,63})", text):
            name, what, why = variable[1], f"what the gateway has in {variable[1]}", "the functions do not have this variable"
        elif "://" in text:
            what, why = setting, "a webhook's URL is a secret"
        else:
            self._say("dropped", setting, "is neither a URL nor os.environ/NAME")
            return None
        name = self._secret_names.setdefault(text, name)
        self._out.secrets.setdefault(name, what)
        self._say("changed", setting, f"{why}: becomes {self._reference(name)}")
        return name

    def _variable(self, name: str) -> str:
        """A reference to what the gateway has in a variable of its environment."""
        self._secret(f"os.environ/{name}", name=name, setting=f"environment_variables.{name}")
        return self._reference(name)

    def _reference(self, secret: str) -> str:
        return f"secretsmanager:{self._stack}/{secret}"

    def _mapping(self, parent: Mapping[str, Any], name: str, place: str = "") -> Mapping[Any, Any]:
        value = parent.get(name)
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self._say("dropped", f"{place}.{name}".removeprefix("."), "is not a mapping")
        return {}

    def _say(self, kind: Kind, setting: str, why: str = "") -> None:
        self._out.lines.append(Line(kind, setting, why))

    def _tell(self, place: str, names: Iterable[object], *, why: str = "") -> None:
        """What becomes of settings whatever their values are: dropped for a reason given, a fate, unknown or left."""
        left = []
        for name in sorted(map(str, names)):
            fate = FATES.get(place, {}).get(name)
            setting = f"{place}.{name if fate else shown(name)}".removeprefix(".")
            if why:
                self._say("dropped", setting, why)
            elif fate:
                self._say(fate[0], setting, fate[1])
            elif TELLING.search(f"{place}.{name}"):
                self._say("unknown", setting, "not known here, and not guessed")
            else:
                left.append(setting)
        if left:
            self._say("left", ", ".join(left))


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _to_do(imported: Imported, *, stack: str) -> list[str]:
    """What a person does next."""
    callbacks = ", ".join(f'"{name}"' for name in dict.fromkeys([*imported.callbacks, "gateway_alerts"]))
    store = [
        f'  read -rs URL && aws secretsmanager create-secret --name {stack}/{name} --secret-string "$URL"   # paste {what}'
        for name, what in imported.secrets.items()
    ]
    return [
        *(["Store what is secret:", *store, ""] if store else []),
        f"Use the configuration; the outputs of the stack {stack} name the parameter and the URLs:",
        "  aws ssm put-parameter --overwrite --type String --name CONFIG_PARAMETER_NAME --value file://config.json",
        "",
        "Put into the gateway:",
        "  general_settings:",
        '    alerting: ["slack", "webhook"]   # and no alert_to_webhook_url, which would pass us by',
        "  litellm_settings:",
        f"    callbacks: [{callbacks}]",
        "  callback_settings:",
        "    gateway_alerts:",
        "      callback_type: generic_api",
        "      endpoint: EVENTS_URL",
        '      headers: {Authorization: "Bearer YOUR_TOKEN"}',
        "      max_retries: 5",
        "      retry_delay: 1",
        "  export WEBHOOK_URL=EVENTS_URL/YOUR_TOKEN",
        "  export SLACK_WEBHOOK_URL=HTTP_API_URL/services/YOUR_TOKEN   # for the alert types that only the gateway can raise",
        "  export DEFAULT_BATCH_SIZE=300                               # 512 records are more than Lambda takes",
        'On AWS the callback "aws_sqs" with aws_sqs_callback_params (sqs_queue_url, sqs_region_name) does as well.',
    ]


if __name__ == "__main__":
    sys.exit(main())
