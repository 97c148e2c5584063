"""Usage: what request logs add up to, and what is told of it by the clock: reports, users' spend, forecasts."""
