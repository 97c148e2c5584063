"""An alert of any type → its words: the one place that knows which renderer serves which alert.

It goes by what an alert carries and only then by its type, so that an alert of a type that is not registered here is told
too.
"""

from datetime import datetime

from notify.grouping import AlertItem
from notify.rendering.budgets import word_budget
from notify.rendering.incidents import word_incident
from notify.rendering.words import Wording


def word(item: AlertItem, *, now: datetime, with_gateway: bool) -> Wording:
    """Put one alert into words. Pure."""
    if item.alert.budget is not None:
        return word_budget(item, item.alert.budget, now=now, with_gateway=with_gateway)
    return word_incident(item, now=now, with_gateway=with_gateway)
