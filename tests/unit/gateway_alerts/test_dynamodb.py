"""What all adapters of a table have in common."""

from datetime import UTC, datetime
from typing import Any

from gateway_alerts.dynamodb import epoch_millis, item_key, items_of


def test_all_pages_of_a_query_are_asked_for_each_with_where_the_last_one_ended() -> None:
    pages = iter([{"Items": [1, 2], "LastEvaluatedKey": "two"}, {"Items": [], "LastEvaluatedKey": "three"}, {"Items": [4]}])
    asked: list[dict[str, Any]] = []

    def query(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return next(pages)

    assert list(items_of(query, TableName="t")) == [1, 2, 4]
    assert asked == [
        {"TableName": "t"},
        {"TableName": "t", "ExclusiveStartKey": "two"},
        {"TableName": "t", "ExclusiveStartKey": "three"},
    ]


def test_a_key_holds_one_item_unless_it_is_told_where_in_its_order() -> None:
    assert item_key("gate#a") == {"pk": {"S": "gate#a"}, "sk": {"N": "0"}}
    assert item_key("delivered#a", 7) == {"pk": {"S": "delivered#a"}, "sk": {"N": "7"}}


def test_a_moment_is_counted_in_whole_milliseconds() -> None:
    assert epoch_millis(datetime(1970, 1, 1, 0, 0, 1, 234_567, tzinfo=UTC)) == 1_234
