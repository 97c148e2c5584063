"""EventBridge Scheduler's stand-in: runs the template's schedules, each after its interval and then again and again."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNIT_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule: a function, what it is given, and how often."""

    function: str
    event: Any
    interval_seconds: float


class Scheduler:
    """Invokes functions at their intervals, in a thread for each schedule, until it is closed."""

    def __init__(self, schedules: list[Schedule], invoke: Callable[[str, Any], object]) -> None:
        self._invoke = invoke
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[schedule], daemon=True) for schedule in schedules]

    def start(self) -> None:
        """Begin to count the first intervals."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Start nothing more; what runs is finished."""
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def _run(self, schedule: Schedule) -> None:
        while not self._closed.wait(schedule.interval_seconds):
            self._invoke(schedule.function, schedule.event)


def schedules_of(template: Mapping[str, Any]) -> list[Schedule]:
    """The enabled schedules of an expanded template.

    Raises:
        ValueError: a schedule is not a plain ``rate(…)``.
    """
    return [
        Schedule(
            function=properties["Target"]["Arn"]["Fn::GetAtt"][0],
            event=json.loads(properties["Target"].get("Input", "{}")),
            interval_seconds=rate_seconds(properties["ScheduleExpression"]),
        )
        for properties in (
            body["Properties"] for body in template["Resources"].values() if body["Type"] == "AWS::Scheduler::Schedule"
        )
        if properties.get("State", "ENABLED") == "ENABLED"
    ]


def rate_seconds(expression: str) -> int:
    """The interval that ``rate(5 minutes)`` says. Raises ValueError for another expression."""
    match = _RATE.fullmatch(expression)
    if not match:
        raise ValueError(f"the local scheduler knows rate(…) only, not {expression}")
    return int(match[1]) * _UNIT_SECONDS[match[2]]
