"""What the application costs, against bounds that were measured in the same run: ``make bench``.

Figures of one machine at one moment say little, so everything here is judged as a ratio: ours against the floor that
the task has anyway (the JSON parser, the SDK's own import), both sampled in one run, in an order shuffled every
round, by CPU time. Cold starts are counted in instructions too, which do not move with load. Counts of calls and
posts are exact. Nothing here fails a build.
"""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
# Without pytest nobody else says where the sources are.
sys.path += [path for path in (str(_ROOT / "functions"), str(_ROOT / "layers" / "common")) if path not in sys.path]
