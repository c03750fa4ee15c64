"""Functions that are really called: cold and warm, at once and too many, and all the ways in which they fail."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.control import faults as control
from sandbox.control.account import Account
from sandbox.workloads import faults
from sandbox.workloads.functions import pool, room, workshop
from tests.sandbox.workloads.functions.functions_here import (
    ARN,
    RUNTIME,
    Here,
    Run,
    alias,
    lives,
    resource,
    running,
    until,
)

pytestmark = pytest.mark.e2e

REPORT = re.compile(
    r"REPORT RequestId: (\S+)\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
    r"\tMax Memory Used: (\d+) MB\t(Init Duration: [\d.]+ ms\t)?"
)


def test_a_call_is_cold_once_and_its_log_is_that_of_lambda(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-echo", "echo", environment={"variables": {"TOLD": "by the account"}})
        await here.apply()
        first, second = await here.call(arn, '{"key": "ü"}'), await here.call(arn, "[1]")
        assert (first.status, first.error, first.cold, second.cold) == (200, "", True, False)
        told, again = json.loads(first.payload), json.loads(second.payload)
        assert told["event"] == {"key": "ü"}
        assert (told["calls"], again["calls"], told["pid"]) == (1, 2, again["pid"])
        assert (told["arn"], told["type"], told["told"]) == (arn, "on-demand", "by the account")
        lines = here.lines("dev-echo")
        request = lines[1].split()[2]
        assert lines[0] == f"INIT_START Runtime Version: {RUNTIME}"
        assert lines[1:4] == [
            f"START RequestId: {request} Version: $LATEST",
            "said {'key': 'ü'}",
            f"END RequestId: {request}",
        ]
        reports = [found for line in lines if (found := REPORT.fullmatch(line))]
        assert [bool(found[3]) for found in reports] == [True, False]
        assert all(int(found[2]) > 0 for found in reports)
        assert first.log_tail.splitlines() == lines[1:5]
        assert here.measured("Invocations", FunctionName="dev-echo") == 2
        assert here.measured("Errors", FunctionName="dev-echo") == 0
        assert here.measured("Duration", "SampleCount", FunctionName="dev-echo", Resource="dev-echo") == 2
        assert [one["state"] for one in here.told("dev-echo")["workers"]] in (["idle"], ["busy"])

    run(work)


SURROUNDINGS = """
import os, sys

def tell(event, context):
    return {"environment": dict(os.environ), "cwd": os.getcwd(), "path": sys.path, "memory": context.memory_limit_in_mb,
            "name": context.function_name, "group": context.log_group_name, "stream": context.log_stream_name,
            "left": context.get_remaining_time_in_millis()}
"""


def test_a_function_finds_the_surroundings_that_lambda_documents(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-tell", "tell", SURROUNDINGS)
        await here.apply()
        told = json.loads((await here.call(arn)).payload)
        said, root = told["environment"], told["environment"]["LAMBDA_TASK_ROOT"]
        expected = {
            "_HANDLER": "code_of_it.tell",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
            "AWS_LAMBDA_FUNCTION_NAME": "dev-tell",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/dev-tell",
            "TZ": ":UTC",
        }
        assert {name: said.get(name) for name in expected} == expected
        assert {"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID"} <= set(said)
        assert (told["cwd"], told["path"][0]) == (root, root)
        assert not any(path.endswith("site-packages") for path in told["path"])
        assert (told["memory"], told["name"], told["group"]) == ("256", "dev-tell", "/aws/lambda/dev-tell")
        assert told["stream"] == said["AWS_LAMBDA_LOG_STREAM_NAME"]
        assert 0 < told["left"] <= 20_000

    run(work)


FAILURES = {
    "fail": ("1", "ValueError", "no 1"),
    "hang": ("{}", "Sandbox.Timedout", "RequestId: {id} Error: Task timed out after 2.00 seconds"),
    "leave-0": (
        '{"code": 0}',
        "Runtime.ExitError",
        "RequestId: {id} Error: Runtime exited without providing a reason",
    ),
    "leave-7": (
        '{"code": 7}',
        "Runtime.ExitError",
        "RequestId: {id} Error: Runtime exited with error: exit status 7",
    ),
    "much": (
        '{"size": 7000000}',
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    ),
    "hungry": (
        '{"megabytes": 300}',
        "Runtime.ExitError",
        "RequestId: {id} Error: Runtime exited with error: signal: killed",
    ),
    "unsayable": (
        "{}",
        "Runtime.MarshalError",
        "Unable to marshal response: Object of type object is not JSON serializable",
    ),
    "absent": ("{}", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'code_of_it'"),
}


def test_failures_are_told_as_lambda_tells_them_and_the_next_call_is_served(run: Run) -> None:
    async def work(here: Here) -> None:
        for name in FAILURES:
            handler = name.split("-")[0]
            here.function(f"dev-{name}", handler, timeout=2 if handler == "hang" else 30)
        await here.apply()
        calls = {name: here.call(f"{ARN}dev-{name}", event) for name, (event, _, _) in FAILURES.items()}
        answers = dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))
        told = {name: json.loads(answer.payload) for name, answer in answers.items()}
        assert {answer.error for answer in answers.values()} == {"Unhandled"}
        assert {
            name: (one["errorType"], re.sub(r"(?<=RequestId: )\S+", "{id}", one["errorMessage"]))
            for name, one in told.items()
        } == {name: (kind, message) for name, (_, kind, message) in FAILURES.items()}
        assert here.measured("Errors") == len(FAILURES)
        lines = here.lines("dev-hang")
        assert any(line.endswith("Task timed out after 2.00 seconds") for line in lines)
        assert lines[-1].endswith("\tStatus: timeout\t")
        assert any("[ERROR] ValueError: no 1\nTraceback" in line for line in here.lines("dev-fail"))
        assert told["fail"]["stackTrace"][-1].endswith('raise ValueError("no " + str(event))\n')
        for name in ("much", "leave-0"):
            assert (await here.call(f"{ARN}dev-{name}", '{"size": 1, "code": 3}')).error == (
                "" if name == "much" else "Unhandled"
            )

    run(work)


def test_the_largest_answer_is_an_answer(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-much", "much")
        await here.apply()
        answer = await here.call(arn, '{"size": 6291500}')
        assert (answer.error, len(answer.payload)) == ("", 6291502)
        large = await here.functions.invoke(arn, b'"' + b"x" * 6_291_455 + b'"')
        assert large.status == 413
        assert b"must be smaller than 6291456 bytes" in large.payload
        event = await here.functions.invoke(arn, b'"' + b"x" * 1_048_575 + b'"', kind="Event")
        assert event.status == 413

    run(work)


def test_what_is_no_event_and_what_is_no_function_is_refused(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-echo", "echo")
        await here.apply()
        assert (await here.call(arn, "{")).status == 400
        assert (await here.call(ARN + "other")).status == 404
        assert (await here.call(f"{arn}:live")).status == 404
        assert (here.functions.has(arn), here.functions.has(f"{arn}:live")) == (True, False)
        assert json.loads((await here.call(arn, "")).payload)["event"] == {}

    run(work)


def test_calls_at_once_get_a_worker_each_and_reserved_concurrency_refuses_the_rest(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-wait", "wait", reservedConcurrentExecutions=2)
        closed = here.function("dev-closed", "echo", reservedConcurrentExecutions=0)
        await here.apply()
        answers = await asyncio.gather(*(here.call(arn, '{"seconds": 0.5}') for _ in range(3)))
        assert sorted(one.status for one in answers) == [200, 200, 429]
        refused = next(one for one in answers if one.status == 429)
        assert json.loads(refused.payload) == {
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        }
        assert len({one.payload for one in answers if one.status == 200}) == 2
        assert (await here.call(closed)).status == 429
        assert here.measured("Throttles", FunctionName="dev-wait") == 1
        assert here.measured("ConcurrentExecutions", "Maximum", FunctionName="dev-wait") == 2

    run(work)


def test_workers_for_whom_nobody_waits_any_more_are_not_started(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_CORES", 1)
    slow_to_start = "import time\ntime.sleep(0.5)\ndef echo(event, context):\n    return event\n"

    async def work(here: Here) -> None:
        arn = here.function("dev-echo", "echo", slow_to_start)
        await here.apply()
        answers = await asyncio.gather(*(here.call(arn, str(number)) for number in range(12)))
        assert [one.payload for one in answers] == [str(number).encode() for number in range(12)]
        # The first serves all of them while the second starts; all twelve would take six seconds.
        await asyncio.sleep(2)
        assert sum(line.startswith("INIT_START") for line in here.lines("dev-echo")) <= 2
        assert (await here.call(arn, "12")).payload == b"12"

    run(work)


def test_a_caller_that_goes_does_not_end_the_call(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-wait", "wait")
        await here.apply()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(here.call(arn, '{"seconds": 1}'), 0.3)
        assert here.told("dev-wait")["concurrency"] == 1
        await until(lambda: here.told("dev-wait")["invocations"] == 1)
        assert here.told("dev-wait")["concurrency"] == 0

    run(work)


def test_an_initialisation_that_fails_or_takes_too_long_is_tried_again_within_the_call(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool, "INIT_SECONDS", 4.0)
    mark = tmp_path / "mark"
    first = f"    open({str(mark)!r}, 'w').close()\n    time.sleep(30)\n"
    slow = f"import os, time\nif not os.path.exists({str(mark)!r}):\n{first}"
    answer = "def echo(event, context):\n    return 1\n"

    async def work(here: Here) -> None:
        late = here.function("dev-late", "echo", slow + answer, timeout=30)
        broken = here.function("dev-broken", "echo", "import absent\n")
        never = here.function("dev-never", "echo", "import time\ntime.sleep(30)\n", timeout=1)
        await here.apply()
        answers = await asyncio.gather(here.call(late), here.call(never))
        assert answers[0].payload == b"1"
        assert any(
            "INIT_REPORT" in line and line.endswith("Phase: init\tStatus: timeout") for line in here.lines("dev-late")
        )
        told = json.loads((await here.call(broken)).payload)
        assert (told["errorType"], told["errorMessage"]) == (
            "Runtime.ImportModuleError",
            "Unable to import module 'code_of_it': No module named 'absent'",
        )
        assert json.loads(answers[1].payload)["errorType"] == "Sandbox.Timedout"

    run(work)


def test_versions_keep_their_code_and_an_alias_shares_calls_between_them(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-echo", "echo", version="1")
        here.add(alias("dev-echo", "1"))
        await here.apply()
        before = json.loads((await here.call(f"{arn}:live")).payload)
        here.function("dev-echo", "echo", version="2", environment={"variables": {"TOLD": "anew"}})
        weights = {"additionalVersionWeights": {"1": 0.5}}
        here.add(alias("dev-echo", "2", routingConfig=weights))
        await here.apply()
        answers = [json.loads((await here.call(f"{arn}:live")).payload) for _ in range(40)]
        assert {(one["version"], one["told"]) for one in answers} == {("1", None), ("2", "anew")}
        assert before["pid"] in {one["pid"] for one in answers}
        assert here.measured("Invocations", FunctionName="dev-echo", Resource="dev-echo:live", ExecutedVersion="2") > 0
        here.add(alias("dev-echo", "2"))
        await here.apply()
        assert {json.loads((await here.call(f"{arn}:live")).payload)["version"] for _ in range(5)} == {"2"}
        await until(lambda: not lives(before["pid"]))

    run(work)


def test_another_supervisor_knows_the_versions_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with running(tmp_path, monkeypatch) as here:
            arn = here.function("dev-echo", "echo", version="1")
            await here.apply()
        async with running(tmp_path, monkeypatch) as here:
            here.function("dev-echo", "fail", version="2")
            here.add(alias("dev-echo", "2", routingConfig={"additionalVersionWeights": {"1": 1.0}}))
            await here.apply()
            assert json.loads((await here.call(f"{arn}:live")).payload)["version"] == "1"

    asyncio.run(work())


def test_an_update_replaces_workers_after_their_last_call(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-wait", "wait")
        await here.apply()
        under_way = asyncio.ensure_future(here.call(arn, '{"seconds": 2}'))
        await until(lambda: [one["state"] for one in here.told("dev-wait")["workers"]] == ["busy"])
        here.function("dev-wait", "echo", memorySize=512)
        await here.apply()
        fresh = json.loads((await here.call(arn)).payload)
        old = await under_way
        assert (old.error, fresh["calls"]) == ("", 1)
        assert int(old.payload) != fresh["pid"]
        await until(lambda: not lives(int(old.payload)))

    run(work)


def test_provisioned_workers_are_ready_first_replaced_when_they_die_and_scaled(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-echo", "echo", version="1")
        here.add(alias("dev-echo", "1"))
        here.add(provisioned("dev-echo", 2))
        await here.apply()
        assert (await here.functions.settled(f"{arn}:live")).ok
        first = await here.call(f"{arn}:live")
        told = json.loads(first.payload)
        assert (first.cold, told["type"]) == (False, "provisioned-concurrency")
        assert here.told("dev-echo")["provisioned"][0]["status"] == "READY"
        os.kill(told["pid"], 9)
        await until(lambda: told["pid"] not in pids(here))
        await until(lambda: here.told("dev-echo")["provisioned"][0]["available"] == 2)
        assert here.functions.capacity("function:dev-echo:live") == 2
        here.functions.set_capacity("function:dev-echo:live", 1, "It was quiet.")
        await until(lambda: len(pids(here)) == 1)
        await here.apply()
        assert here.functions.capacity("function:dev-echo:live") == 1
        assert (
            here.measured("ProvisionedConcurrencyInvocations", FunctionName="dev-echo", Resource="dev-echo:live") == 1
        )

    run(work)


def test_provisioned_workers_that_cannot_start_are_a_failure_that_is_told(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-broken", "echo", "import absent\n", version="1")
        here.add(alias("dev-broken", "1"), provisioned("dev-broken", 1))
        await here.apply()
        outcome = await here.functions.settled(f"{arn}:live")
        assert not outcome.ok
        assert "No module named 'absent'" in outcome.reason
        assert here.told("dev-broken")["provisioned"][0]["status"] == "FAILED"

    run(work)


SNAP = """
import os, time
from snapshot_restore_py import register_after_restore, register_before_snapshot
SEEN = []
register_before_snapshot(lambda: SEEN.append("before"))
register_after_restore(lambda: SEEN.append("after"))

def echo(event, context):
    return {"seen": SEEN, "pid": os.getpid(), "stream": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")}
"""


def test_a_snapshot_is_taken_when_a_version_is_published_and_calls_go_on_from_it(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-snap", "echo", SNAP, version="1", snapStart={"applyOn": "PublishedVersions"})
        here.add(alias("dev-snap", "1"))
        await here.apply()
        await until(lambda: [one["state"] for one in here.told("dev-snap")["workers"]] == ["snapshot"])
        taken = here.told("dev-snap")["workers"][0]["pid"]
        answer = await here.call(f"{arn}:live")
        told = json.loads(answer.payload)
        assert told == {"seen": ["before", "after"], "pid": taken, "stream": None}
        assert "Restore Duration: " in answer.log_tail
        assert "Init Duration" not in answer.log_tail
        # The next instance goes on from a snapshot, too.
        await until(lambda: "snapshot" in [one["state"] for one in here.told("dev-snap")["workers"]])

    run(work)


def test_faults_on_request_kill_delay_and_throttle(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-echo", "echo")
        await here.apply()
        first = json.loads((await here.call(arn)).payload)
        account = Account(here.context.account)
        try:
            faults.ask(account, "kill", "dev-ech*")
            here.context.faults.read(account)
            here.context.faults.kill(lambda rule: control.count(account, rule))
            second = json.loads((await here.call(arn)).payload)
            assert second["pid"] != first["pid"]
            faults.ask(account, "throttle", "dev-echo")
            here.context.faults.read(account)
            assert (await here.call(arn)).status == 429
        finally:
            account.close()

    run(work)


def test_what_ignores_a_request_to_end_is_ended_with_its_children(run: Run) -> None:
    pid = 0

    async def work(here: Here) -> None:
        nonlocal pid
        arn = here.function("dev-stubborn", "stubborn")
        await here.apply()
        pid = json.loads((await here.call(arn)).payload)
        del here.resources[next(iter(here.resources))]
        await here.apply()
        assert not lives(pid)
        assert not workshop.measure.marked(f"function {here.context.account.resolve()}#")

    run(work)


def test_a_worker_that_is_killed_while_it_works_is_an_exit(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-hang", "hang")
        await here.apply()
        call = asyncio.ensure_future(here.call(arn))
        await until(lambda: [one["state"] for one in here.told("dev-hang")["workers"]] == ["busy"])
        os.kill(next(iter(pids(here, "dev-hang"))), 9)
        told = json.loads((await call).payload)
        assert told["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")

    run(work)


def test_a_flood_of_lines_is_kept_in_order_before_the_end(run: Run) -> None:
    async def work(here: Here) -> None:
        arn = here.function("dev-flood", "flood")
        await here.apply()
        answer = await here.call(arn, '{"lines": 5000}')
        lines = here.lines("dev-flood")
        kept = [line for line in lines if line.startswith("line ")]
        assert kept[-1] == "line 4999"
        assert lines.index("line 4999") < next(place for place, line in enumerate(lines) if line.startswith("END "))
        assert len(answer.log_tail) <= 4096

    run(work)


def test_the_plain_client_stands_in_where_the_one_of_aws_has_no_wheel(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(folder: Path) -> Path:
        folder.mkdir(parents=True)
        return folder

    monkeypatch.setattr(workshop, "runtime_folder", empty)

    async def work(here: Here) -> None:
        arn, failing = here.function("dev-echo", "echo"), here.function("dev-fail", "fail")
        broken = here.function("dev-broken", "echo", "import absent\n")
        await here.apply()
        told = json.loads((await here.call(arn, '"ü"')).payload)
        assert (told["event"], told["arn"]) == ("ü", arn)
        wrong: dict[str, Any] = json.loads((await here.call(failing, "1")).payload)
        assert (wrong["errorType"], wrong["errorMessage"]) == ("ValueError", "no 1")
        assert "plain_client.py" not in "".join(wrong["stackTrace"])
        assert json.loads((await here.call(broken)).payload)["errorType"] == "Runtime.ImportModuleError"

    run(work)


def provisioned(function: str, count: int) -> Any:
    kind = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
    told = {"functionName": function, "qualifier": "live", "provisionedConcurrentExecutions": count}
    return resource(kind, function, f"{function},live", **told)


def pids(here: Here, name: str = "dev-echo") -> set[int]:
    return {one["pid"] for one in here.told(name)["workers"] if one["state"] != "ended"}
