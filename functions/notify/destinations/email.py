"""E-mail through an SNS topic: one publish a message; SNS mails it to everyone who has subscribed and confirmed.

Delivered means that SNS has it ("when a messageId is returned, the message is saved"). Nothing is tried again by the SDK:
after a lost answer that could mail twice without being counted.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notify.destinations.base import Message
from notify.grouping import AlertItem
from notify.outcomes import Ambiguous, Delivered, Outcome, Permanent, Reason, RetryLater
from notify.rendering.email import compose_mails

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.exceptions import BotoCoreError, ClientError

#: The service asks to come again.
THROTTLED = frozenset(
    {
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "KMSThrottling",
    }
)
#: Only an operator can mend it: the topic, its key, or the function's rights.
CONFIGURATION_ERRORS = frozenset(
    {
        "NotFound",
        "AuthorizationError",
        "AccessDenied",
        "AccessDeniedException",
        "EndpointDisabled",
        "PlatformApplicationDisabled",
        "InvalidSecurity",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSOptInRequired",
    }
)
#: A message that SNS will never take as it is, too large or with a subject that it does not like.
PAYLOAD_ERRORS = frozenset({"InvalidParameter", "ParameterValueInvalid", "ValidationException", "ValidationError"})
#: What to look at first.
HINTS = {"AuthorizationError": "AuthorizationError: the topic's name must begin with the stack's name and a hyphen"}
_CODE = re.compile(r"[A-Za-z.]{1,60}")


class Email:
    """Publishes to one topic."""

    def __init__(self, topic_arn: str, *, client: "Callable[[], BaseClient]") -> None:
        self._topic_arn = topic_arn
        self._client: Callable[[], Any] = client

    def compose(self, items: Sequence[AlertItem], *, now: datetime, note: str = "") -> list[Message]:
        """See :class:`notify.destinations.base.Destination`."""
        return compose_mails(items, now=now, note=note)

    def degrade(self, message: Message) -> Message | None:
        """Without a subject: SNS gives its own."""
        if "Subject" not in message.payload:
            return None
        return Message({"Message": message.payload["Message"]}, message.items)

    def post(self, message: Message) -> Outcome:
        """See :class:`notify.destinations.base.Destination`."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            self._client().publish(TopicArn=self._topic_arn, **message.payload)
        except ClientError as error:
            return refused(error)
        except BotoCoreError as error:
            return unanswered(error)
        except (ResponseParserError, OSError):
            return Ambiguous(Reason.NO_ANSWER)
        return Delivered()


def refused(error: "ClientError") -> Outcome:
    """What an error that SNS answers means. Its text is not passed on: it may quote the message."""
    answer = error.response.get("Error", {})
    code, said = str(answer.get("Code", "")), str(answer.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    detail = code if _CODE.fullmatch(code) else f"status {status}"
    is_of_the_topic = code in PAYLOAD_ERRORS and "TopicArn" in said  # one of another region, for example
    if code in THROTTLED:
        return RetryLater(Reason.RATE_LIMITED)
    if code in CONFIGURATION_ERRORS or is_of_the_topic or status in (401, 403, 404):
        return Permanent(Reason.CONFIGURATION, HINTS.get(code, detail))
    if code in PAYLOAD_ERRORS or status == 413:
        return Permanent(Reason.PAYLOAD_REFUSED, detail)
    if status >= 500:
        return Ambiguous(Reason.SERVER_ERROR)
    return Permanent(Reason.UNEXPECTED_ANSWER, detail)


def unanswered(error: "BotoCoreError") -> Outcome:
    """What it means that there is no answer: nothing was sent, it may have been taken, or it cannot be asked at all."""
    from botocore.exceptions import ConnectionError as CannotConnect
    from botocore.exceptions import CredentialRetrievalError, HTTPClientError

    match error:
        case CannotConnect() | CredentialRetrievalError():
            return RetryLater(Reason.CANNOT_CONNECT)
        case HTTPClientError():  # the connection was there, and the answer was not
            return Ambiguous(Reason.NO_ANSWER)
    return Permanent(Reason.CONFIGURATION, type(error).__name__)
