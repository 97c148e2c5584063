import pytest

from tests.bench.cost import Bill, do_it_yourself, in_the_queue, on_the_bus, report

ONE_OF_EACH = Bill(
    api_requests=1e6, invocations=1e6, write_units=1e6, read_units=1e6, queue_requests=1e6, bus_events=1e6, log_bytes=1e9
)


def test_each_thing_that_is_billed_has_its_list_price() -> None:
    assert ONE_OF_EACH.usd() == {
        "API": 1.0,
        "bus": 1.0,
        "Lambda requests": 0.2,
        "Lambda time": 0.0,
        "DynamoDB": 0.75,
        "SQS": 0.4,
        "logs": 0.5,
    }


def test_bills_are_scaled_and_added() -> None:
    assert ONE_OF_EACH.scaled(2).plus(ONE_OF_EACH).usd()["API"] == pytest.approx(3)


def test_the_bus_takes_the_place_of_the_api() -> None:
    bill = on_the_bus(Bill(api_requests=10, invocations=10), events=10)
    assert (bill.api_requests, bill.bus_events, bill.invocations) == (0, 10, 10)


def test_a_queued_record_is_sent_received_and_deleted() -> None:
    assert in_the_queue(Bill(api_requests=1), events=100).queue_requests == pytest.approx(120)


def test_the_alternative_pays_for_each_event() -> None:
    assert do_it_yourself(events=1_000_000, alerts=0).usd()["DynamoDB"] == pytest.approx(1.25)


def test_the_report_says_what_it_counted_and_assumed() -> None:
    text = report({"a way in": ONE_OF_EACH}, Bill(write_units=5), Bill(write_units=10_000), events=1_000_000, alerts=1)
    assert "a way in" in text
    assert "5.00 write units" in text
    assert "A thousand request logs: 10.0 write units" in text
    assert "Assumed: 5 ms for each call" in text
