"""What NotifyFunction does before its first batch: its imports, and its HTTP client."""

from notify import app

app.make_http_client()


def lambda_handler(event: object, context: object) -> None:
    """Do nothing."""
