"""A virtual clock, an event loop, and tasks that run the real, synchronous code up to each of its I/O steps.

Every I/O of the application is one ``step``. Other tasks run before it, so that all interleavings of steps are in
reach, and the step may kill its invocation before or after its effect. One thread runs at a time: the one that has to wait
does what is next in the queue of events until it is its own turn, or hands on to the thread whose turn it is. So the same
seed gives the same run, step by step.
"""

import heapq
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone. No ``except Exception`` sees it, and no later step of it has an effect."""


class Invocation:
    """One run of a function, dead at its deadline."""

    def __init__(self, name: str, deadline: float) -> None:
        self.name, self.deadline, self.is_dead = name, deadline, False


class _Task:
    """What one thread of an invocation does."""

    def __init__(self, world: "World", run: Callable[[], None], invocation: Invocation, done: Callable[[bool], None]) -> None:
        self.world, self.run, self.invocation, self.done = world, run, invocation, done
        self.thread: _Thread | None = None


class _Thread:
    """A thread that sleeps until it is handed the turn. ``task`` is what it begins with then."""

    def __init__(self) -> None:
        self._baton = threading.Lock()
        self._baton.acquire()
        self.task: _Task | None = None

    def wake(self) -> None:
        self._baton.release()

    def sleep(self) -> None:
        self._baton.acquire()

    def work(self) -> None:
        while True:
            self.sleep()
            task = self.task
            while task is not None:
                task.thread = self
                task = task.world.finish(task, self)


#: Threads without a task. They outlive a run: starting one takes longer than most tasks.
_idle: list[_Thread] = []


def _thread_for(task: _Task) -> _Thread:
    if _idle:
        thread = _idle.pop()
    else:
        thread = _Thread()
        threading.Thread(target=thread.work, daemon=True).start()
    thread.task = task
    return thread


class World:
    """Time, chance, and who runs."""

    def __init__(self, seed: int, *, kill_at: tuple[int, str] | None = None, is_traced: bool = False) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.counts: Counter[str] = Counter()
        self.trace: list[str] = []
        self.kill_at, self.is_traced = kill_at, is_traced
        self.kill_fraction = 0.0 if kill_at else self.random.choice([0.0, 0.01, 0.03, 0.08])
        #: Nothing goes wrong after this moment, so that every run can end.
        self.calm_at = 3_600.0
        self.steps = 0
        self._events: list[tuple[float, int, Callable[[], None] | _Task]] = []
        self._number = 0
        self._until = 0.0
        self._main = _Thread()
        self._current: _Task | None = None
        self._fault: BaseException | None = None

    @property
    def is_calm(self) -> bool:
        return self.now >= self.calm_at

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def happens(self, fraction: float) -> bool:
        return not self.is_calm and self.random.random() < fraction

    def say(self, what: str) -> None:
        if self.is_traced:
            self.trace.append(f"{self.now:10.3f} {what}")

    def after(self, seconds: float, do: Callable[[], None] | _Task) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now + seconds, self._number, do))

    def run(self, until: float) -> None:
        """Do everything that happens before a moment."""
        self._until = until
        self._go_on(self._main, None)
        if self._fault is not None:
            raise self._fault

    @property
    def invocation(self) -> Invocation:
        assert self._current is not None
        return self._current.invocation

    def start(self, run: Callable[[], None], invocation: Invocation, done: Callable[[bool], None]) -> None:
        """Begin a task; ``done`` is told whether it came to its end."""
        self.after(0, _Task(self, run, invocation, done))

    def finish(self, task: _Task, thread: _Thread) -> _Task | None:
        """Run a task whose turn it is to its end; returns the next one for this thread, if its turn comes at once."""
        is_whole = False
        try:
            try:
                task.run()
                is_whole = True
            except Killed:
                pass
            task.done(is_whole)
        except BaseException as error:  # noqa: BLE001
            self._fault = error
        return self._go_on(thread, None)

    def _go_on(self, thread: _Thread, waiting: _Task | None) -> _Task | None:
        """Do what is next, until it is the turn of the task that is waiting on this thread. Without one the thread is
        free: it may take over a task that begins.
        """
        while self._fault is None and self._events and self._events[0][0] <= self._until:
            self.now, _, do = heapq.heappop(self._events)
            if not isinstance(do, _Task):
                try:
                    do()
                except BaseException as error:  # noqa: BLE001
                    self._fault = error
                continue
            self._current = do
            if do is waiting:
                return None
            is_free = waiting is None and thread is not self._main
            if is_free and do.thread is None:
                return do
            self._hand_on(do.thread or _thread_for(do), thread, is_free=is_free)
            return None
        if thread is not self._main:
            self._hand_on(self._main, thread, is_free=waiting is None)
        return None

    def _hand_on(self, other: _Thread, thread: _Thread, *, is_free: bool) -> None:
        if is_free:
            _idle.append(thread)
        other.wake()
        if not is_free:
            thread.sleep()

    def _wait(self, task: _Task) -> None:
        """Until the task is in the queue of events and its turn has come."""
        assert task.thread is not None
        self._go_on(task.thread, task)

    def sleep(self, seconds: float) -> None:
        """Let others run."""
        task = self._current
        assert task is not None
        if not self._events or self._events[0][0] > self.now + seconds:
            self.now += seconds  # nobody else has anything to do before that
            return
        self.after(seconds, task)
        self._wait(task)

    def side_by_side(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run tasks interleaved, as threads of one invocation."""
        parent = self._current
        assert parent is not None
        left, whole = len(tasks), True

        def done(is_whole: bool) -> None:
            nonlocal left, whole
            left, whole = left - 1, whole and is_whole
            if left == 0:
                self.after(0, parent)

        for task in tasks:
            self.start(task, parent.invocation, done)
        if tasks:
            self._wait(parent)
        if not whole:
            raise Killed

    def step[T](self, name: str, effect: Callable[[], T], *, seconds: float | None = None) -> T:
        """One I/O step: others run, then its effect; the invocation may die before or after."""
        invocation = self.invocation
        if invocation.is_dead:
            raise Killed
        self.sleep(self.random.uniform(0.001, 0.05) if seconds is None else seconds)
        if invocation.is_dead:
            raise Killed
        if self.now > invocation.deadline:
            self._kill(invocation, f"{name}: out of time")
        self.steps += 1
        number = self.steps
        self._maybe_kill(invocation, name, number, "before")
        self.say(f"{invocation.name} {name}")
        try:
            return effect()
        finally:  # of a call that failed, too
            self._maybe_kill(invocation, name, number, "after")

    def _maybe_kill(self, invocation: Invocation, name: str, number: int, when: str) -> None:
        if self.kill_at == (number, when) or (self.kill_fraction and self.happens(self.kill_fraction / 2)):
            self._kill(invocation, f"{when} {name}")

    def _kill(self, invocation: Invocation, why: str) -> None:
        self.counts["kills"] += 1
        self.say(f"{invocation.name} KILLED {why}")
        invocation.is_dead = True
        raise Killed
