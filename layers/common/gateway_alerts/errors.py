"""Every error that this application raises on purpose.

GatewayAlertsError
├── ConfigurationError            an operator's setting is wrong; says which and how to mend it
├── RequestRefused                a whole request is refused, with an HTTP status and a stable code
│   ├── MalformedBody             400  not JSON, not lines of JSON, not base64
│   ├── Unauthorized              401  missing, malformed or wrong token: all look alike
│   ├── NotFound                  404  no such route
│   └── PayloadTooLarge           413  more than Lambda takes
├── EventRejected                 one event of a request is refused; its neighbours are not
│   ├── UnrecognizedEvent         has the fields of no known shape
│   ├── InvalidEvent              has the right shape and a wrong field
│   ├── UnknownAlertType          `alert_type` is not in the table of alert types
│   ├── UnknownBudgetAlertType    `type` is not in the table of budget alert types
│   └── UnknownEventGroup         `event_group` is not an entity that has budgets
├── SlackRefused                  a message for the drop-in Slack endpoint is refused, with the word that Slack answers
├── DependencyUnavailable         DynamoDB, SQS, SSM or Secrets Manager could not be used; try again later
├── InvalidAlert                  a queued message is not an alert
└── InvalidUsage                  an item of the usage ledger cannot be read
"""

from pathlib import Path
from typing import ClassVar


class GatewayAlertsError(Exception):
    """The root of all errors that are raised on purpose."""


class ConfigurationError(GatewayAlertsError):
    """A setting is missing or wrong. The message names the setting and never holds a secret."""


class RequestRefused(GatewayAlertsError):
    """A whole request is refused."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"


class MalformedBody(RequestRefused):
    """The body cannot be read as one JSON value, an array or newline-delimited JSON."""

    code = "malformed_body"


class Unauthorized(RequestRefused):
    """No valid ingest token. Says nothing about what was wrong with it."""

    status = 401
    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("a valid ingest token is required")


class NotFound(RequestRefused):
    """The path or method is not one of ours."""

    status = 404
    code = "not_found"


class PayloadTooLarge(RequestRefused):
    """The body is larger than a synchronous Lambda invocation can carry."""

    status = 413
    code = "payload_too_large"


class EventRejected(GatewayAlertsError):
    """One event is refused. ``str()`` of it is the reason that the sender is given: ``code: what is wrong``."""

    code: ClassVar[str] = "rejected"

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")


class UnrecognizedEvent(EventRejected):
    """The event has the fields of no known shape."""

    code = "unrecognized_event"


class InvalidEvent(EventRejected):
    """The event has a known shape, and a field that is missing or wrong."""

    code = "invalid_event"


class UnknownAlertType(EventRejected):
    """``alert_type`` names no alert type."""

    code = "unknown_alert_type"


class UnknownBudgetAlertType(EventRejected):
    """``type`` names no budget alert type."""

    code = "unknown_budget_alert_type"


class UnknownEventGroup(EventRejected):
    """``event_group`` names no entity that has budgets."""

    code = "unknown_event_group"


class SlackRefused(GatewayAlertsError):
    """A message for the drop-in Slack endpoint is refused as Slack refuses it: a status, and a word as the whole body.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors
    """

    def __init__(self, word: str, status: int = 400) -> None:
        super().__init__(word)
        self.word, self.status = word, status


class DependencyUnavailable(GatewayAlertsError):
    """An AWS service that is needed could not be used. The same request may succeed later."""


class InvalidAlert(GatewayAlertsError):
    """A message in the alerts queue cannot be read as an alert."""


class InvalidUsage(GatewayAlertsError):
    """An item of the usage ledger cannot be read. It stays where it is, and stops what would have to leave it out."""


def place_of(error: BaseException) -> str:
    """``file.py:LINE`` where an error was raised: what may be logged of one whose text could quote a secret."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
