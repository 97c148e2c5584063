"""What EvaluateFunction and NotifyFunction must agree on, and nothing else.

Pure but for :mod:`gateway_alerts.secrets` and :mod:`gateway_alerts.observability`; imports nothing from ``functions/``.
"""
