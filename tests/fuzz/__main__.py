"""The coverage-guided fuzzer: ``python -m tests.fuzz RUNS`` runs every target with its share of the inputs.

Each target runs in a process of its own, from the same seed each time. An input that breaks a promise is written to
``regressions/``, one for each place that it broke at, and is replayed by ``make test`` from then on.
"""

import re
import subprocess
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote_plus

from tests.fuzz.mutation import mutate

HERE = Path(__file__).parent
EVENTS = HERE.parent.parent / "events"
TEXTS = HERE.parent / "data" / "litellm" / "slack"
REGRESSIONS = HERE / "regressions"
MAX_INPUT_BYTES = 8_192
SEED = 20261123
#: Targets whose input is no JSON.
OF_TEXT = ("verdict", "masked", "parse_litellm_text")
#: Words that a mutation of bytes would not find soon.
WORDS = (
    *("type", "user_info", "spend", "max_budget", "soft_budget", "event_group", "event", "litellm_call_id", "status", "metadata"),
    *(
        "token_budget",
        "user_budget",
        "team_budget",
        "soft_budget",
        "projected_limit_exceeded",
        "budget_reset_at",
        "response_cost",
    ),
    *("destination", "alert", "entity", "budget", "rung", "thresholds", "routes", "destinations", "alert_types", "budget_alerts"),
    *("os.environ/", "secretsmanager:", "fallback_destination", "1e400", "-0", "NaN", "Infinity", "2026-12-01T00:00:00Z"),
    *(
        "[null,null,null]",
        "[0,[1],0]",
        "[1,[1],1000000000000000000000000000000]",
        "null",
        "true",
        "[]",
        "{}",
        "[[[[",
        "\\\\ud800",
        "1e999999999",
    ),
    *("ok", "no_service", "invalid_blocks", "rollup_error", "sk-", "Bearer ", "hooks.slack.com/", "AKIA", "://"),
    *("Alert type: `", "Level: `", "Message: ", "*Alerting Metadata*: \\x0a", "Messages: `", "*spend:* `", "data: `", "payload="),
)


def main() -> None:
    """Run all targets, or as a child one of them."""
    if len(sys.argv) > 2:
        fuzz_one(sys.argv[1], int(sys.argv[2]))
        return
    # Names only: the targets import what is to be instrumented, which the children do.
    names = re.findall(r'^    "(\w+)": fuzz_', (HERE / "targets.py").read_text(), re.MULTILINE)
    runs = int(sys.argv[1]) // len(names)
    known = set(REGRESSIONS.iterdir())
    began = time.monotonic()
    print(f"{'target':20} {'inputs':>10} {'seconds':>8} {'inputs/s':>9} {'new paths':>10} {'crashes':>8}")
    children = [subprocess.Popen([sys.executable, "-m", "tests.fuzz", name, str(runs)], stdout=-1, stderr=-2) for name in names]
    totals = [0, 0, 0]
    failed = False
    for name, child in zip(names, children, strict=True):
        told = child.communicate()[0].decode(errors="replace")
        stats = {key: int(value) for key, value in re.findall(r"stat::(\w+):\s+(\d+)", told)}
        seconds = int(next(iter(re.findall(r"^Done \d+ runs in (\d+) second", told, re.MULTILINE)), "0"))
        inputs, paths = stats.get("number_of_executed_units", 0), stats.get("new_units_added", 0)
        crashes = told.count("\ncrash: ")
        print(f"{name:20} {inputs:10,} {seconds:8} {inputs / (seconds or 1):9,.0f} {paths:10,} {crashes:8}")
        totals = [total + more for total, more in zip(totals, (inputs, paths, crashes), strict=True)]
        if child.returncode or inputs < runs:
            failed = True
            print(told[-3_000:])
    seconds = round(time.monotonic() - began)
    print(f"{'all':20} {totals[0]:10,} {seconds:8} {totals[0] / seconds:9,.0f} {totals[1]:10,} {totals[2]:8}")
    for path in sorted(set(REGRESSIONS.iterdir()) - known):
        print(f"new: {path.relative_to(HERE.parent.parent)}")
    sys.exit(failed or totals[2] > 0)


def fuzz_one(name: str, runs: int) -> None:
    """Fuzz one target in this process."""
    import atheris

    with atheris.instrument_imports(include=["evaluate", "gateway_alerts", "notify"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    places: set[str] = set()

    def once(given: bytes) -> None:
        try:
            target(given)
        except Exception as error:  # noqa: BLE001 (any other than the parser's own is a finding)
            _keep(name, given, error, places)

    def change(given: bytes, max_bytes: int, seed: int) -> bytes:
        return mutate(given, max_bytes, seed, of_bytes=atheris.Mutate, prefix_bytes=int(name == "read_request"))

    knows_json = {"custom_mutator": change} if name not in OF_TEXT else {}
    atheris.Setup([sys.argv[0], *_options(runs), *_corpus(name)], once, **knows_json)
    atheris.Fuzz()


def _options(runs: int) -> list[str]:
    dictionary = _scratch("words") / "words.dict"
    dictionary.write_text("".join(f'"{word}"\n' for word in WORDS))
    return [
        f"-runs={runs}",
        f"-seed={SEED}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-dict={dictionary}",
        f"-artifact_prefix={dictionary.parent}/",
        "-timeout=20",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        "-verbosity=1",
    ]


def _corpus(name: str) -> list[str]:
    """A folder for what is found, which begins with the samples."""
    import json

    folder = _scratch("corpus")
    samples: list[bytes] = []
    for path in sorted(EVENTS.glob("*/*.json")):
        sample = json.loads(path.read_text())
        if name == "parse_queued_alert":
            samples += [record["body"].encode() for record in sample.get("Records", ())[:3]]
        elif isinstance(sample.get("body"), str):
            samples += [b"b" * (name == "read_request") + sample["body"].encode()]
    if name == "parse_config":
        samples += [b'{"thresholds": [85, 100], "destinations": {"a": {"url": "ssm:x"}}, "routes": [{"destinations": ["a"]}]}']
    if name == "verdict":
        samples += [b"\x00\x64\nok", b"\x01\x4930\nrate_limited", b"\x01\x30\nno_service"]
    if name == "parse_litellm_text":
        samples = [json.loads(path.read_text())["body"]["text"].encode() for path in sorted(TEXTS.iterdir())]
    if name == "read_slack_payload":
        samples += [b"payload=" + quote_plus(sample).encode() for sample in samples if b"Alert type" in sample]
    if name == "masked":
        samples += [b"sk-ant-api03-Ab3dEf6hIj9lMn2pQr5tUv8xYz", b"Bearer abc12345", b"postgres://a:b@c", b"AKIAIOSFODNN7EXAMPLE"]
    for position, sample in enumerate(samples):
        (folder / f"{position}").write_bytes(sample[:MAX_INPUT_BYTES])
    return [str(folder)]


_folders: list[TemporaryDirectory[str]] = []


def _scratch(name: str) -> Path:
    _folders.append(TemporaryDirectory(prefix=f"fuzz-{name}-"))
    return Path(_folders[-1].name)


def _keep(name: str, given: bytes, error: Exception, places: set[str]) -> None:
    """Write the first input that broke at a place."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.name}"
    if place in places:
        return
    places.add(place)
    (REGRESSIONS / f"{name}--{re.sub(r'[^A-Za-z0-9_-]', '', place)}").write_bytes(given)
    print(f"\ncrash: {place}: {str(error)[:200]!r}", flush=True)


if __name__ == "__main__":
    main()
