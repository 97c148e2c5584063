"""B2, the floor of a function that calls AWS: the SDK, and clients for DynamoDB and SQS."""

import boto3

boto3.client("dynamodb")
boto3.client("sqs")


def lambda_handler(event: object, context: object) -> None:
    """Do nothing."""
