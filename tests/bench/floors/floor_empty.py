"""The least that a function behind the HTTP API can do: the floor of one invocation."""

from typing import Any


def lambda_handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer 200."""
    return {"statusCode": 200, "body": "{}"}
