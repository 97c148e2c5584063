"""NotifyFunction: group → render → post."""
