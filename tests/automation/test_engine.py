"""Drive something that behaves as the engine's command line does, and see what comes back."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from automation import journal
from automation.engine import Engine, Event

Fake = Callable[[str], Engine]
PROLOGUE = f"""#!{sys.executable}
import json, os, signal, subprocess, sys, time
log = sys.argv[sys.argv.index("--event-log") + 1] if "--event-log" in sys.argv else os.devnull
def event(**content):
    with open(log, "a") as file:
        file.write(json.dumps(content) + "\\n")
"""


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Return an engine whose command runs some Python."""

    def make(body: str) -> Engine:
        binary = tmp_path / "pulumi"
        binary.write_text(PROLOGUE + body)
        binary.chmod(0o700)
        return Engine(binary, tmp_path, {"GIVEN": "yes"})

    return make


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def interrupt_when(path: Path, times: int) -> None:
    """Send this process Ctrl-C once the fake engine says that it is ready."""

    def send() -> None:
        while not path.exists():
            time.sleep(0.01)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

    threading.Thread(target=send, daemon=True).start()


def test_events_come_whole_and_in_order_while_it_runs(fake: Fake, tmp_path: Path) -> None:
    engine = fake(
        """
with open(log, "a") as file:
    file.write('{"number": 1}\\\\n{"num')
    file.flush()
    time.sleep(0.2)
    file.write('ber": 2}\\\\n')
print("said", os.environ["GIVEN"])
print("warned", file=sys.stderr)
sys.exit(3)
""".replace("\\\\", "\\")
    )
    seen: list[Event] = []
    outcome = engine.operate("up", log=tmp_path / "log", on_event=seen.append)
    assert seen == [{"number": 1}, {"number": 2}] == list(outcome.events)
    assert (outcome.code, outcome.stdout, outcome.stderr) == (3, "said yes\n", "warned\n")
    assert not outcome.ok
    assert not outcome.interrupted


def test_much_output_blocks_nothing(fake: Fake, tmp_path: Path) -> None:
    outcome = fake("print('x' * 1_000_000)").operate("up", log=tmp_path / "log")
    assert len(outcome.stdout) == 1_000_001


def test_a_torn_line_of_the_log_is_passed_over(fake: Fake, tmp_path: Path) -> None:
    engine = fake("open(log, 'a').write('{\"torn\\n{\"number\": 1}\\n')")
    assert engine.operate("up", log=tmp_path / "log").events == [{"number": 1}]


def test_one_interrupt_reaches_the_engine_once(fake: Fake, tmp_path: Path) -> None:
    engine = fake(
        """
def finish(*_):
    print("saved")
    sys.exit(1)
signal.signal(signal.SIGINT, finish)
open("ready", "w").close()
time.sleep(20)
"""
    )
    before = signal.getsignal(signal.SIGINT)
    interrupt_when(tmp_path / "ready", 1)
    outcome = engine.operate("up", log=tmp_path / "log")
    assert outcome.interrupted
    assert outcome.stdout == "saved\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_two_interrupts_end_an_engine_that_does_not_listen(fake: Fake, tmp_path: Path) -> None:
    engine = fake(
        """
signal.signal(signal.SIGINT, signal.SIG_IGN)
open("ready", "w").close()
time.sleep(20)
"""
    )
    interrupt_when(tmp_path / "ready", 2)
    outcome = engine.operate("up", log=tmp_path / "log")
    assert outcome.interrupted
    assert outcome.code == -signal.SIGKILL
    assert outcome.seconds < 10


def test_what_a_killed_engine_leaves_running_is_ended(fake: Fake, tmp_path: Path) -> None:
    engine = fake(
        """
plugin = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(plugin.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    outcome = engine.operate("up", log=tmp_path / "log")
    assert outcome.code == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while alive(int(outcome.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(outcome.stdout)) or Path(f"/proc/{int(outcome.stdout)}/cmdline").read_bytes() == b""


def test_a_query_is_given_its_input(fake: Fake) -> None:
    answer = fake("print(sys.stdin.read().upper())").query("stack", "import", stdin="state")
    assert (answer.code, answer.stdout) == (0, "STATE\n")


def step(kind: str, op: str = "create", name: str = "q", **state: object) -> Event:
    urn = f"urn:pulumi:dev::p::aws:sqs/queue:Queue::{name}"
    new = {"type": "aws:sqs/queue:Queue", "urn": urn, "custom": True, "inputs": {}, **state}
    return {kind: {"metadata": {"op": op, "urn": urn, "new": new}}}


def said(message: str, name: str = "q") -> Event:
    return {"diagnosticEvent": {"urn": f"urn:pulumi:dev::p::aws:sqs/queue:Queue::{name}", "message": message}}


@pytest.mark.parametrize(
    ("events", "unseen"),
    [
        ([step("resourcePreEvent")], 1),
        ([step("resourcePreEvent"), step("resOutputsEvent")], 0),
        ([step("resourcePreEvent"), said("it exists already"), step("resOpFailedEvent")], 0),
        ([step("resourcePreEvent"), said("error reading from server: EOF"), step("resOpFailedEvent")], 1),
        (
            [
                step("resourcePreEvent"),
                said("code = Canceled desc = the connection is closing"),
                step("resOpFailedEvent"),
            ],
            1,
        ),
        ([step("resourcePreEvent", "update")], 0),
        ([step("resourcePreEvent", "create-replacement")], 1),
        ([step("resourcePreEvent", custom=False)], 0),
        ([step("resourcePreEvent", type="pulumi:providers:aws")], 0),
    ],
)
def test_a_log_tells_what_nobody_saw_finish(events: list[Event], unseen: int) -> None:
    assert len(journal.unseen(events)) == unseen


def test_a_secret_in_a_log_stays_one() -> None:
    [creation] = journal.unseen([step("resourcePreEvent", inputs={"a": [{"b": "[secret]"}], "c": "d"})])
    [inner] = creation.resource["inputs"]["a"]
    assert inner["b"]["plaintext"] == '"[secret]"'
    assert creation.resource["inputs"]["c"] == "d"


def test_only_logs_of_dead_runs_with_something_unseen_are_left(tmp_path: Path) -> None:
    with journal.recorded(tmp_path, "dev", "up") as log:
        log.write_text(json.dumps(step("resourcePreEvent")) + "\n{torn")
        assert journal.left(tmp_path, "dev") == []
    assert journal.left(tmp_path, "dev") == [log]
    assert journal.left(tmp_path, "prod") == []
    with journal.recorded(tmp_path, "prod", "up") as clean:
        clean.write_text(json.dumps(step("resOutputsEvent")))
    (tmp_path / "dev.preview.1.jsonl").write_text(json.dumps(step("resourcePreEvent")))
    assert journal.left(tmp_path, "dev") == [log]
    assert list(tmp_path.iterdir()) == [log]
