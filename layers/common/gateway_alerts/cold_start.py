"""What a cold start goes without. Each function's package says so before it imports anything else.

Python searches new objects for garbage in cycles: here once 100,000 are new, not 2,000. A cold start makes that many with
the AWS SDK, and nearly all of them stay, so that some forty searches found next to nothing. What is in no cycle is freed
at once as before; what is in one, an error with its traceback for example, may stay longer.
"""

import gc

NEW_OBJECTS = 100_000


def prepare() -> None:
    """Arrange it, for as long as the process lives."""
    gc.set_threshold(NEW_OBJECTS)
