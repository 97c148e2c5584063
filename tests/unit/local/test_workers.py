import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.workers import FunctionError, FunctionSettings, NoWorkerFree, WorkerPool
from tests.unit.local.processes import is_running

MakePool = Callable[..., WorkerPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[WorkerPool] = []

    def make(handler: str, *, size: int = 1, log: Any = subprocess.DEVNULL, **changes: Any) -> WorkerPool:
        settings = {
            "name": "function",
            "handler": handler if "." in handler else f"handlers.{handler}",
            "arn": "arn:function",
            "timeout_seconds": 30,
            "memory_mib": 256,
            "import_roots": [Path(__file__).parent],
        }
        pools.append(WorkerPool(FunctionSettings(**(settings | changes)), size=size, log=log))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_a_worker_answers_events_one_after_the_other(make_pool: MakePool) -> None:
    pool = make_pool("echo")
    answers = [pool.invoke({"number": number}) for number in range(3)]
    assert [answer["event"] for answer in answers] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert {answer["pid"] for answer in answers} == set(pool.pids), "one process stays for all of them"
    assert len({answer["request_id"] for answer in answers}) == 3


def test_a_worker_sees_its_functions_environment_and_nothing_of_the_machines(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    pool = make_pool("describe", environment={"ALERTS_TABLE_NAME": "alerts", "AWS_REGION": "us-east-1"})
    seen = pool.invoke({})
    environment = seen["environment"]
    assert environment["ALERTS_TABLE_NAME"] == "alerts"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert not {"AWS_PROFILE", "SECRET_OF_THE_MACHINE", "HOME", "USER", "VIRTUAL_ENV"} & set(environment)
    assert (seen["function_name"], seen["memory"], seen["arn"]) == ("function", "256", "arn:function")
    assert 29_000 < seen["remaining_millis"] <= 30_000
    assert str(Path(__file__).parents[3] / "local") not in seen["path"], "our own modules must not shadow anything"


def test_a_worker_handles_one_event_at_a_time(make_pool: MakePool) -> None:
    pool = make_pool("sleep", size=2)
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda _: pool.invoke({"seconds": 0.05}), range(6)))
    assert {answer["pid"] for answer in answers} == set(pool.pids)
    for pid in pool.pids:
        spans = sorted((answer["started"], answer["ended"]) for answer in answers if answer["pid"] == pid)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_a_handlers_exception_is_reported_and_the_worker_lives_on(make_pool: MakePool) -> None:
    pool = make_pool("fail")
    before = pool.pids
    with pytest.raises(FunctionError) as caught:
        pool.invoke({})
    assert caught.value.description["errorType"] == "ValueError"
    assert caught.value.description["errorMessage"] == "it went wrong"
    assert caught.value.description["stackTrace"]
    assert pool.pids == before


def test_an_answer_that_json_cannot_say_is_an_error(make_pool: MakePool) -> None:
    with pytest.raises(FunctionError, match="TypeError"):
        make_pool("unspeakable").invoke({})


def test_after_the_functions_time_out_the_worker_is_killed_and_replaced(make_pool: MakePool) -> None:
    pool = make_pool("sleep", timeout_seconds=0.2)
    before = pool.pids
    with pytest.raises(FunctionError, match=r"Timedout.*0\.20 seconds"):
        pool.invoke({"seconds": 60})
    assert pool.pids != before
    assert not is_running(before[0])
    assert pool.invoke({"seconds": 0})["pid"] == pool.pids[0]


def test_a_worker_that_dies_fails_its_invocation_and_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool("die")
    before = pool.pids
    for _ in range(2):
        with pytest.raises(FunctionError, match=r"Runtime\.ExitError"):
            pool.invoke({})
    assert pool.pids != before


def test_a_worker_that_is_killed_from_outside_fails_its_invocation(make_pool: MakePool) -> None:
    pool = make_pool("sleep")
    pool.invoke({"seconds": 0})
    threading.Timer(0.1, os.kill, [pool.pids[0], signal.SIGKILL]).start()
    with pytest.raises(FunctionError, match=r"Runtime\.ExitError"):
        pool.invoke({"seconds": 30})
    assert pool.invoke({"seconds": 0})


def test_a_worker_that_was_killed_while_idle_is_replaced_before_it_gets_an_event(make_pool: MakePool) -> None:
    pool = make_pool("echo")
    pool.invoke({})
    os.kill(pool.pids[0], signal.SIGKILL)
    time.sleep(0.1)
    assert pool.invoke({"still": "here"})["event"] == {"still": "here"}


def test_a_handler_that_cannot_be_loaded_is_an_error_each_time(make_pool: MakePool) -> None:
    pool = make_pool("no_such_module.handler")
    for _ in range(2):
        with pytest.raises(FunctionError, match="ModuleNotFoundError"):
            pool.invoke({})


def test_a_caller_waits_for_a_free_worker_only_so_long(make_pool: MakePool) -> None:
    pool = make_pool("sleep")
    with ThreadPoolExecutor(1) as callers:
        busy = callers.submit(pool.invoke, {"seconds": 0.4})
        time.sleep(0.1)
        with pytest.raises(NoWorkerFree):
            pool.invoke({"seconds": 0}, wait_seconds=0.05)
        assert busy.result()


def test_what_a_handler_prints_goes_to_the_log(make_pool: MakePool, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        assert make_pool("talk", log=log).invoke({}) == "said"
    assert (tmp_path / "log").read_text() == "printed by the handler\nwritten by the handler\n"


def test_closing_ends_every_worker_even_a_busy_one(make_pool: MakePool) -> None:
    pool = make_pool("sleep", size=3)
    pids = pool.pids
    with ThreadPoolExecutor(1) as callers:
        busy = callers.submit(pool.invoke, {"seconds": 60})
        time.sleep(0.2)
        pool.close()
        with pytest.raises(FunctionError):
            busy.result()
    assert not any(map(is_running, pids))
    with pytest.raises(NoWorkerFree):
        pool.invoke({}, wait_seconds=0.1)


def test_a_worker_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from local.workers import *\n"
        f"pool = WorkerPool(FunctionSettings('f', 'handlers.echo', 'arn', import_roots=[Path({str(Path(__file__).parent)!r})]), "
        "size=1, log=2)\n"
        "pool.invoke({}); print(pool.pids[0], flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)
