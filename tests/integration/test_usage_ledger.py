"""The ledger in a table of the emulator: real conditions and transactions, closers at once, repeats, changes of zone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import count
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evaluate.usage import usage_ledger
from evaluate.usage.periods import days, quarter_of, start_of
from evaluate.usage.usage import Budget, GatewayUsage, Spender, Usage
from evaluate.usage.usage_ledger import KEEP_DAYS, SETTLING, DynamoDBUsageLedger
from gateway_alerts.errors import DependencyUnavailable, InvalidUsage
from local.ministack import free_port
from local.resources import Resources
from tests.integration._ministack import eager_client, resources  # noqa: F401 (a fixture)
from tests.unit.evaluate.usage_builders import spending, spent

pytestmark = pytest.mark.integration

UTC_ZONE, BERLIN, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
#: A Tuesday, so that the day before has a total of its own.
DAY = datetime(2026, 11, 24, tzinfo=UTC)
TODAY = days(date(2026, 11, 24), date(2026, 11, 25), zone=UTC_ZONE)
YESTERDAY = days(date(2026, 11, 23), date(2026, 11, 24), zone=UTC_ZONE)
CLOSERS = 6
names = count()


class Table:
    """A usage table of the test's own, and ledgers in it."""

    def __init__(self, endpoint_url: str) -> None:
        self.client = eager_client("dynamodb", endpoint_url)
        self.name = f"usage-{next(names)}"
        self.client.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )

    def ledger(self, zone: ZoneInfo = UTC_ZONE) -> DynamoDBUsageLedger:
        return DynamoDBUsageLedger(self.client, table_name=self.name, zone=zone)

    def items(self, prefix: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(prefix)]


@pytest.fixture
def table(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:  # noqa: F811
    # A day of it is four hundred queries in each test.
    monkeypatch.setattr(usage_ledger, "BEFORE_FIRST_CLOSE", 4)
    table = Table(resources.endpoint_url)
    yield table
    table.client.close()


@pytest.fixture
def ledger(table: Table) -> DynamoDBUsageLedger:
    """A ledger that is kept since 08:00."""
    ledger = table.ledger()
    ledger.close(now=at(8))
    return ledger


def usage(usd: Any, *, key: str = "k", gateway: str = "prod") -> Usage:
    return Usage({gateway: spending({Spender(key): usd})})


def of_many_keys(count: int) -> Usage:
    """Each key has spent its number; their hashes do not deflate."""
    return Usage({"prod": spending({Spender(sha256(b"%d" % n).hexdigest()): n for n in range(count)})})


def keep_samples(ledger: DynamoDBUsageLedger, count: int) -> range:
    """Have a budget's spend in each quarter since midnight; returns the quarters."""
    quarters = range(quarter_of(at(0)), quarter_of(at(0)) + count)
    budget = Budget("key", "k", None, Decimal(100), None)
    ledger.close(now=at(0))
    for quarter in quarters:
        used = GatewayUsage(spend={Spender("k"): spent(1)}, budgets={budget: {quarter: Decimal(quarter - quarters.start)}})
        ledger.append(str(quarter), Usage({"prod": used}), now=start_of(quarter))
    return quarters


def total(usage: Usage, gateway: str = "prod") -> Decimal:
    return usage.gateways.get(gateway, GatewayUsage()).total.usd


def at(hour: float, *, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour)


def all_at_once[T](call: Callable[[int], T]) -> list[T]:
    start = Barrier(CLOSERS)

    def one(number: int) -> T:
        start.wait(timeout=10)
        return call(number)

    with ThreadPoolExecutor(CLOSERS) as threads:
        return list(threads.map(one, range(CLOSERS)))


class TestAppending:
    def test_what_is_appended_is_read(self, ledger: DynamoDBUsageLedger) -> None:
        ledger.append("a", usage(1), now=at(10))
        ledger.append("b", usage(2), now=at(10.1))
        ledger.append("c", usage(4, gateway="staging"), now=at(11))

        found = ledger.read(TODAY.quarters)

        assert (total(found), total(found, "staging")) == (3, 4)

    def test_a_range_ends_before_its_last_quarter(self, ledger: DynamoDBUsageLedger) -> None:
        for hour in (9.75, 10, 10.25):
            ledger.append(str(hour), usage(1), now=at(hour))

        assert total(ledger.read(range(quarter_of(at(10)), quarter_of(at(10.25))))) == 1

    @pytest.mark.parametrize(
        ("later", "expected"),
        [
            pytest.param(timedelta(0), 1, id="at once"),
            pytest.param(timedelta(minutes=10), 1, id="in the same quarter"),
            pytest.param(timedelta(minutes=15), 1, id="in the next quarter"),
            pytest.param(timedelta(minutes=30), 2, id="two quarters later it is taken for another"),
        ],
    )
    @pytest.mark.parametrize("is_closed_between", [False, True])
    def test_a_repeated_batch_counts_once(
        self, ledger: DynamoDBUsageLedger, later: timedelta, expected: int, is_closed_between: bool
    ) -> None:
        first = at(9.75)
        ledger.append("batch", usage(1), now=first)
        if is_closed_between and later >= timedelta(minutes=15):
            ledger.close(now=at(10) + SETTLING)
        ledger.append("batch", usage(1), now=first + later)

        assert total(ledger.read(TODAY.quarters)) == expected
        ledger.close(now=at(1, day=1))
        assert total(ledger.read(TODAY.quarters)) == expected

    def test_a_batch_that_is_repeated_in_every_quarter_still_counts_once(self, ledger: DynamoDBUsageLedger) -> None:
        for quarter in range(8):
            ledger.append("batch", usage(1), now=at(9 + quarter / 4))
            ledger.close(now=at(9 + quarter / 4) + SETTLING)

        assert total(ledger.read(TODAY.quarters)) == 1

    def test_a_large_batch_is_several_items_of_which_none_is_too_large(
        self, ledger: DynamoDBUsageLedger, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usage_ledger, "PART_BYTES", 1_000)
        whole = of_many_keys(300)
        for _ in range(2):
            ledger.append("a", whole, now=at(10))

        assert ledger.read(TODAY.quarters) == whole
        assert len(table.items("usage#")) > 2
        assert all(len(item["deflated_usage"]["B"]) <= 1_000 for item in table.items("usage#"))

    def test_entries_end_by_themselves(self, ledger: DynamoDBUsageLedger, table: Table) -> None:
        ledger.append("a", usage(1), now=at(10))

        (item,) = table.items("usage#")
        assert int(item["expires_at"]["N"]) == (at(10) + timedelta(days=KEEP_DAYS)).timestamp()

    def test_entries_are_spread_over_partitions(self, ledger: DynamoDBUsageLedger, table: Table) -> None:
        for number in range(40):
            ledger.append(str(number), usage(1), now=at(10))

        assert len({item["pk"]["S"] for item in table.items("usage#")}) == usage_ledger.SHARDS


class TestClosing:
    def test_closed_and_open_quarters_together_are_all(self, ledger: DynamoDBUsageLedger) -> None:
        for hour in range(8, 14):
            ledger.append(str(hour), usage(1), now=at(hour))
            ledger.close(now=at(hour) + SETTLING)

            assert total(ledger.read(range(TODAY.quarters.start, quarter_of(at(hour + 1))))) == hour - 7

    def test_quarters_are_gathered_for_an_hour_or_until_the_day_is_over(self, table: Table) -> None:
        def held() -> dict[str, int]:
            return {item["pk"]["S"]: len(item["quarters"]["NS"]) for item in table.items("day#")}

        ledger = table.ledger()
        ledger.close(now=at(22) + SETTLING)
        assert held() == {"day#2026-11-24": 4}
        ledger.close(now=at(22.75) + SETTLING)
        assert held() == {"day#2026-11-24": 4}
        ledger.close(now=at(23) + SETTLING)
        assert held() == {"day#2026-11-24": 8}
        ledger.close(now=at(23.5) + SETTLING)
        assert held() == {"day#2026-11-24": 8}
        ledger.close(now=at(24) + SETTLING)
        assert held() == {"day#2026-11-24": 12}

    def test_a_quarter_is_closed_once_it_is_settled(self, ledger: DynamoDBUsageLedger) -> None:
        ledger.close(now=at(8) + SETTLING)
        ledger.close(now=at(9) + SETTLING - timedelta(seconds=1))
        ledger.append("slow", usage(1), now=at(8.9))
        ledger.close(now=at(9) + SETTLING)
        ledger.close(now=at(12) + SETTLING)

        assert total(ledger.read(TODAY.quarters)) == 1

    def test_closing_twice_changes_nothing(self, ledger: DynamoDBUsageLedger, table: Table) -> None:
        ledger.append("a", usage(1), now=at(10))
        ledger.close(now=at(12))
        before = table.items("day#")
        ledger.close(now=at(12))

        assert table.items("day#") == before
        assert total(ledger.read(TODAY.quarters)) == 1

    def test_of_many_who_close_at_once_each_quarter_counts_once(self, table: Table) -> None:
        table.ledger().close(now=at(0))
        for round_ in range(2):
            hour = 2 * (round_ + 1)
            for number in range(20):
                table.ledger().append(f"{round_}-{number}", usage(1), now=at(hour - 0.25 - number % 8 / 4))
            all_at_once(lambda _, hour=hour: table.ledger().close(now=at(hour) + SETTLING))

            assert total(table.ledger().read(TODAY.quarters)) == 20 * (round_ + 1)

    def test_a_closer_that_is_overtaken_adds_nothing_a_second_time(
        self, ledger: DynamoDBUsageLedger, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.append("a", usage(1), now=at(10))
        slow = table.ledger()
        total_of = slow._total

        def overtaken(day: date, *, kind: str) -> Any:
            ledger.close(now=at(12))
            return total_of(day, kind=kind)

        monkeypatch.setattr(slow, "_total", overtaken)
        slow.close(now=at(12))

        assert total(ledger.read(TODAY.quarters)) == 1

    def test_a_closer_that_dies_before_its_transaction_has_changed_nothing(
        self, ledger: DynamoDBUsageLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.append("a", usage(1), now=at(10))
        with monkeypatch.context() as broken:
            broken.setattr(usage_ledger, "_fitting_parts", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                ledger.close(now=at(12))

        assert total(ledger.read(TODAY.quarters)) == 1
        ledger.close(now=at(12))
        assert total(ledger.read(TODAY.quarters)) == 1

    def test_the_first_close_says_since_when_the_ledger_is_kept_and_takes_what_came_before(
        self, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usage_ledger, "BEFORE_FIRST_CLOSE", 96)
        ledger = table.ledger()
        ledger.append("early", usage(1), now=at(10.5, day=-1))
        since = ledger.close(now=at(10))

        assert since == quarter_of(at(10))
        assert ledger.close(now=at(11)) == since
        assert total(ledger.read(YESTERDAY.quarters)) == 1

    def test_a_long_outage_is_made_up_for_in_several_runs(
        self, ledger: DynamoDBUsageLedger, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usage_ledger, "CLOSED_AT_MOST", 20)
        ledger.close(now=at(12))
        for hour in range(12, 30, 2):
            ledger.append(str(hour), usage(1), now=at(hour))
        everything = range(quarter_of(at(12)), quarter_of(at(30)))

        for _ in range(5):
            assert total(ledger.read(everything)) == 9
            ledger.close(now=at(30) + SETTLING)
        assert total(ledger.read(everything)) == 9
        assert sum(len(item["quarters"]["NS"]) for item in table.items("day#") if item["sk"]["S"] == "usage#00") == 92

    def test_several_days_each_have_their_total(self, ledger: DynamoDBUsageLedger) -> None:
        ledger.close(now=at(22))
        ledger.append("a", usage(1), now=at(23.9))
        ledger.append("b", usage(2), now=at(24.1))
        ledger.close(now=at(25.5))

        assert total(ledger.read(TODAY.quarters)) == 1
        assert total(ledger.read(range(TODAY.quarters.stop, quarter_of(at(25.5))))) == 2
        assert total(ledger.read(range(TODAY.quarters.start, quarter_of(at(25.5))))) == 3

    def test_a_total_that_shrinks_leaves_no_part_behind(
        self, ledger: DynamoDBUsageLedger, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.append("a", of_many_keys(300), now=at(8))
        with monkeypatch.context() as small:
            small.setattr(usage_ledger, "PART_BYTES", 1_000)
            ledger.close(now=at(10))
        assert len(table.items("day#2026-11-24")) > 3
        ledger.close(now=at(12))

        assert len(table.items("day#2026-11-24")) == 2
        assert total(ledger.read(TODAY.quarters)) == sum(range(300))

    def test_more_than_a_transaction_takes_is_folded_and_said(
        self, ledger: DynamoDBUsageLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usage_ledger, "TOTAL_BYTES", 1_500)
        monkeypatch.setattr(usage_ledger, "MAX_ENTRIES", 300)
        ledger.append("a", of_many_keys(300), now=at(8))
        ledger.close(now=at(10))

        found = ledger.read(TODAY.quarters).gateways["prod"]
        assert found.total == spent(sum(range(300)), requests=300)
        assert found.folded["spend"] > 100
        assert len(found.spend) == 301 - found.folded["spend"]

    def test_totals_end_by_themselves(self, ledger: DynamoDBUsageLedger, table: Table) -> None:
        ledger.close(now=at(12))

        ends = {int(item["expires_at"]["N"]) for item in table.items("day#2026-11-24")}
        assert ends == {int((start_of(quarter_of(at(12) - SETTLING)) + timedelta(days=KEEP_DAYS)).timestamp())}


class TestReading:
    @pytest.fixture
    def busy(self, table: Table) -> DynamoDBUsageLedger:
        """A day with one US dollar in each hour, closed until 20:00."""
        ledger = table.ledger()
        ledger.close(now=at(0))
        for hour in range(24):
            ledger.append(str(hour), usage(1), now=at(hour + 0.3))
        ledger.close(now=at(20) + SETTLING)
        return ledger

    def test_any_part_of_a_day(self, busy: DynamoDBUsageLedger) -> None:
        for begin, end in [(0, 24), (0, 12), (12, 24), (3, 5), (20, 24), (23, 24), (19.75, 20.5), (5, 5)]:
            expected = sum(begin <= hour + 0.25 < end for hour in range(24))
            assert total(busy.read(range(quarter_of(at(begin)), quarter_of(at(end))))) == expected, (begin, end)

    def test_of_a_part_of_a_day_only_what_is_not_empty_is_asked_for(
        self, busy: DynamoDBUsageLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []
        entries_of = DynamoDBUsageLedger._entries_of

        def spy(ledger: DynamoDBUsageLedger, quarter: int, attributes: str) -> Iterator[tuple[str, bytes]]:
            asked.append(quarter)
            return entries_of(ledger, quarter, attributes)

        monkeypatch.setattr(DynamoDBUsageLedger, "_entries_of", spy)
        busy.read(range(quarter_of(at(0)), quarter_of(at(12))))

        # Twelve quarters with something in them, and the one before each, for repeats.
        assert len(asked) == 24

    def test_a_closed_day_is_one_query(self, busy: DynamoDBUsageLedger, monkeypatch: pytest.MonkeyPatch) -> None:
        busy.close(now=at(25))
        monkeypatch.setattr(DynamoDBUsageLedger, "_entries_of", lambda *_: pytest.fail("its entries were asked for"))

        assert total(busy.read(TODAY.quarters)) == 24

    @pytest.mark.parametrize(
        ("before", "after"), [(BERLIN, NEW_YORK), (NEW_YORK, BERLIN), (UTC_ZONE, ZoneInfo("Asia/Kathmandu"))]
    )
    def test_a_change_of_the_time_zone_loses_and_doubles_nothing(self, table: Table, before: ZoneInfo, after: ZoneInfo) -> None:
        # Changed at 00:30 UTC of the second day, when the three zones are on two different dates.
        table.ledger(before).close(now=at(12))
        for hour in range(12, 60):
            table.ledger().append(str(hour), usage(1), now=at(hour + 0.3))
        for hours in (18, 24, 24.5):
            table.ledger(before).close(now=at(hours) + SETTLING)
        for hours in (25.5, 36, 48, 60):
            table.ledger(after).close(now=at(hours) + SETTLING)

        for zone in (before, after):
            local_day = days(date(2026, 11, 25), date(2026, 11, 26), zone=zone)
            assert total(table.ledger(zone).read(local_day.quarters)) == 24
            assert total(table.ledger(zone).read(range(quarter_of(at(12)), quarter_of(at(60))))) == 48

    def test_budgets_come_apart_from_the_rest(self, table: Table) -> None:
        ledger = table.ledger()
        everything = keep_samples(ledger, 16)
        ledger.close(now=at(4) + SETTLING)

        assert ledger.read(everything).gateways["prod"] == GatewayUsage(spend={Spender("k"): spent(16, requests=16)})
        assert ledger.read_budgets(everything).gateways["prod"].spend == {}

    @pytest.mark.parametrize(
        ("closed_at", "total_bytes", "kept"),
        [
            pytest.param([0], 10**6, [*range(40)], id="all that is open"),
            pytest.param([9], 10**6, [11, *range(12, 40)], id="all of the last six hours, and some of before"),
            pytest.param([3, 6, 9], 10**6, [11, *range(12, 40)], id="the same when it was closed by and by"),
            pytest.param([25], 10**6, [11, 23, 35, 39], id="some of a day that is over"),
            pytest.param([10], 250, [11, 23, 35, 39], id="no more than a transaction takes"),
        ],
    )
    def test_recent_samples_are_all_kept(
        self, table: Table, monkeypatch: pytest.MonkeyPatch, closed_at: list[int], total_bytes: int, kept: list[int]
    ) -> None:
        monkeypatch.setattr(usage_ledger, "TOTAL_BYTES", total_bytes)
        ledger = table.ledger()
        everything = keep_samples(ledger, 40)
        for hour in closed_at:
            ledger.close(now=at(hour) + SETTLING)

        day_and_more = range(everything.start, everything.start + 100)
        (samples,) = ledger.read_budgets(day_and_more).gateways["prod"].budgets.values()
        assert sorted(quarter - everything.start for quarter in samples) == kept

    def test_a_ledger_that_was_never_closed_is_read_all_the_same(self, table: Table) -> None:
        ledger = table.ledger()
        ledger.append("a", usage(1), now=at(10))

        assert total(ledger.read(range(quarter_of(at(9)), quarter_of(at(11))))) == 1

    def test_many_pages(self, table: Table) -> None:
        ledger = table.ledger()
        huge = Usage({"prod": spending({Spender(f"{n:040x}"): n for n in range(12_000)})})
        for number in range(12):
            ledger.append(str(number), huge, now=at(10))

        found = ledger.read(range(quarter_of(at(10)), quarter_of(at(10.25))))
        assert total(found) == 12 * sum(range(12_000))

    def test_an_item_that_cannot_be_read_stops_the_close_and_is_kept(self, ledger: DynamoDBUsageLedger, table: Table) -> None:
        ledger.append("a", usage(1), now=at(10))
        (item,) = table.items("usage#")
        table.client.put_item(TableName=table.name, Item=item | {"sk": {"S": "b#00"}, "deflated_usage": {"B": b"?"}})

        for call in (lambda: ledger.close(now=at(12)), lambda: ledger.read(TODAY.quarters)):
            with pytest.raises(InvalidUsage):
                call()
        assert len(table.items("usage#")) == 2


@pytest.mark.parametrize("method", ["append", "close", "read", "read_budgets"])
def test_a_table_out_of_reach_is_a_dependency_that_is_unavailable(method: str) -> None:
    client = eager_client("dynamodb", f"http://127.0.0.1:{free_port()}")
    ledger = DynamoDBUsageLedger(client, table_name="usage", zone=UTC_ZONE)
    calls: dict[str, Callable[[], object]] = {
        "append": lambda: ledger.append("a", usage(1), now=DAY),
        "close": lambda: ledger.close(now=DAY),
        "read": lambda: ledger.read(TODAY.quarters),
        "read_budgets": lambda: ledger.read_budgets(TODAY.quarters),
    }
    with pytest.raises(DependencyUnavailable, match="DynamoDB: usage:"):
        calls[method]()
    client.close()
