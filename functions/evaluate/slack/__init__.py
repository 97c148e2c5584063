"""Slack: what is posted to the drop-in endpoint → the events that it tells."""
