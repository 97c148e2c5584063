"""The floor of a function that posts: ``httpx`` and one client."""

import httpx

httpx.Client()


def lambda_handler(event: object, context: object) -> None:
    """Do nothing."""
