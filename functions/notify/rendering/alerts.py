"""An alert of any type → its words: the one place that knows which renderer serves which alert."""

from datetime import datetime

from notify.grouping import AlertItem
from notify.rendering.budgets import word_budget
from notify.rendering.words import Wording


def word(item: AlertItem, *, now: datetime, with_gateway: bool) -> Wording:
    """Put one alert into words, by what it carries. Pure."""
    if item.alert.budget is not None:
        return word_budget(item, item.alert.budget, now=now, with_gateway=with_gateway)
    raise NotImplementedError(item.alert.alert_type)
