"""Handlers for the worker tests; loaded in the workers' processes."""

import os
import signal
import sys
import time


def echo(event, context):
    return {"event": event, "pid": os.getpid(), "request_id": context.aws_request_id}


def describe(event, context):
    return {
        "environment": dict(os.environ),
        "path": sys.path,
        "function_name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "remaining_millis": context.get_remaining_time_in_millis(),
    }


def sleep(event, context):
    started = time.time()
    time.sleep(event["seconds"])
    return {"pid": os.getpid(), "started": started, "ended": time.time()}


def fail(event, context):
    raise ValueError("it went wrong")


def die(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def unspeakable(event, context):
    return {"value": object()}


def talk(event, context):
    print("printed by the handler")
    os.write(1, b"written by the handler\n")
    return "said"
