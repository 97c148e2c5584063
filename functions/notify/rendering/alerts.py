"""An alert of any type → its words: the one place that knows which renderer serves which alert.

It goes by what an alert carries (a budget, a report, a sender's own message) and only then by its type, so that an alert
of a type that is not registered here is told too.
"""

from datetime import datetime

from notify.grouping import AlertItem
from notify.rendering.budgets import word_budget
from notify.rendering.incidents import word_incident
from notify.rendering.passthrough import word_payload
from notify.rendering.reports import word_report
from notify.rendering.words import Wording


def word(item: AlertItem, *, now: datetime, with_gateway: bool) -> Wording:
    """Put one alert into words. Pure."""
    alert = item.alert
    if alert.budget is not None:
        return word_budget(item, alert.budget, now=now, with_gateway=with_gateway)
    if alert.report is not None:
        return word_report(item, alert.report, now=now, with_gateway=with_gateway)
    if alert.slack_payload is not None:
        return word_payload(item, alert.slack_payload, now=now, with_gateway=with_gateway)
    return word_incident(item, now=now, with_gateway=with_gateway)
