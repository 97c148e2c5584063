"""What all adapters of a DynamoDB table have in common."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any


def item_key(key: str, position: int = 0) -> dict[str, dict[str, str]]:
    """The primary key of an item of the alerts table, as the SDK takes it: all but deliveries, which are kept in the order
    of their time, are the only item of their key.
    """
    return {"pk": {"S": key}, "sk": {"N": str(position)}}


def items_of(query: Callable[..., Any], **parameters: Any) -> Iterator[dict[str, Any]]:
    """All items that a query finds, page by page; ``query`` is the client's, or what translates its errors."""
    while True:
        page = query(**parameters)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def epoch_millis(moment: datetime) -> int:
    """A moment in milliseconds since 1970."""
    return int(moment.timestamp() * 1_000)
