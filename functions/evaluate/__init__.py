"""EvaluateFunction: event → evaluate → claim → enqueue."""
