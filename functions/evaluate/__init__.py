"""EvaluateFunction: event → evaluate → claim → enqueue."""

from gateway_alerts import cold_start

cold_start.prepare()  # here, where no other import comes before it
