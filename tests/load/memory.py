"""Memory of processes, sampled while something runs."""

import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

INTERVAL_SECONDS = 0.5
#: A process counts from when it first has this much of what it has in the end: its first work loads the SDK.
LOADED_SHARE = 0.75


class Growth(NamedTuple):
    """What one process's memory did in the second half of its samples, once it had loaded all that it works with. In KiB.

    ``slope`` is the least-squares line's rise over that half.
    """

    sample_count: int
    at_half: float
    at_end: float
    slope: float

    @property
    def share(self) -> float:
        """The rise as a fraction of what there was."""
        return self.slope / self.at_half if self.at_half else 0.0


class Memory:
    """Samples the resident memory of processes, by pid, while it is entered."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self.samples: dict[int, list[int]] = {}
        self._pids = pids
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def growth(self) -> dict[int, Growth]:
        """Of each process that was there, and loaded, for at least eight samples."""
        loaded = {pid: since_loaded(samples) for pid, samples in self.samples.items()}
        return {pid: growth_of(samples) for pid, samples in loaded.items() if len(samples) >= 8}

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_SECONDS):
            for pid, kibibytes in resident(self._pids()).items():
                self.samples.setdefault(pid, []).append(kibibytes)


def resident(pids: Sequence[int]) -> dict[int, int]:
    """KiB by pid; a process that has ended is left out."""
    if not pids:
        return {}
    command = ["/bin/ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return {int(pid): int(rss) for pid, rss in (line.split() for line in lines)}


def since_loaded(samples: Sequence[int]) -> Sequence[int]:
    """The samples of a process from when it had loaded what its first work loads."""
    first = next((i for i, sample in enumerate(samples) if sample >= LOADED_SHARE * samples[-1]), 0)
    return samples[first:]


def growth_of(samples: Sequence[int]) -> Growth:
    """The growth over the second half of the samples."""
    half = list(samples[len(samples) // 2 :])
    count = len(half)
    middle, mean = (count - 1) / 2, sum(half) / count
    spread = sum((x - middle) ** 2 for x in range(count))
    rise = sum((x - middle) * (y - mean) for x, y in enumerate(half)) / spread if spread else 0.0
    return Growth(len(samples), half[0], half[-1], rise * (count - 1))
