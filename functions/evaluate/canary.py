"""The canary: an alert that takes the whole way and says nothing but that the way is open. Pure.

It takes no claim: each is an alert of its own, and no ladder of a budget knows of it.
"""

from datetime import datetime
from decimal import Decimal

from gateway_alerts.alerts import CANARY, CANARY_DESTINATION, Alert, BudgetFigures, Entity
from gateway_alerts.keys import digest

#: Shown where the configuration sends the canary to a channel: what it is, and an amount that alarms nobody.
CANARY_GATEWAY = "gateway-alerts"
CANARY_NAME = "test alert, every five minutes"
CANARY_LIMIT_USD = Decimal(100)


def canary_alert(*, now: datetime, request_id: str) -> Alert:
    """The canary of one invocation; its id holds the time and the request, so that each one is told apart."""
    return Alert(
        alert_id=digest([CANARY, now.isoformat(), request_id]),
        dedupe_key=CANARY,
        alert_type=CANARY,
        event=CANARY,
        level="Low",
        gateway=CANARY_GATEWAY,
        message="Alerts are delivered",
        entity=Entity(type=CANARY, id=CANARY, name=CANARY_NAME),
        budget=BudgetFigures(kind="maximum", spend=Decimal(0), limit=CANARY_LIMIT_USD, rung=Decimal(0)),
        raised_at=now,
        destinations=(CANARY_DESTINATION,),
    )
