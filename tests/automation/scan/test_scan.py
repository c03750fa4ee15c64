"""What is made of checkov's answer."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from automation.errors import Exit, UserError
from automation.scan import judge, runner
from automation.scan.runner import Checked, Failure
from automation.scan.terraform import terraform_plan
from automation.toolchain import environment
from policy.suppressions import Suppression
from tests.automation.events import recorded

TODAY = date(2026, 1, 1)
FAILED = {"check_id": "CKV_AWS_27", "check_name": "Ensure queues are encrypted.", "resource": "aws_sqs_queue.q"}
ANSWER = {"summary": {"passed": 2, "parsing_errors": 0}, "results": {"failed_checks": [FAILED]}}


def except_for(rule: str, resource: str, expires: date = TODAY) -> Suppression:
    return Suppression(rule=rule, resource=resource, reason="A reason that is long enough.", expires=expires)


def scanned(*suppressions: Suppression) -> judge.Scan:
    checked = Checked(3, (Failure("CKV_AWS_158", "Logs have a key", "aws_cloudwatch_log_group.dev-network-flow"),))
    return judge.judge("dev", terraform_plan(recorded("first")), checked, suppressions, TODAY)


def shown(scan: judge.Scan) -> str:
    text = StringIO()
    Console(file=text, width=200).print(judge.scan_view(scan))
    return text.getvalue()


def test_a_failed_check_stops() -> None:
    scan = scanned()
    assert [one.resource for one in scan.stopping] == ["dev-network-flow"]
    assert "CKV_AWS_158" in shown(scan)
    assert "3 checks passed, 1 failed, 0 excepted" in shown(scan)
    assert scan.document()["ok"] is False


def test_an_exception_for_it_is_counted_and_its_reason_told() -> None:
    scan = scanned(except_for("CKV_AWS_158", "*-network-flow"))
    assert scan.stopping == []
    assert "0 failed, 1 excepted" in shown(scan)
    assert scan.findings[0].document()["reason"] == "A reason that is long enough."


@pytest.mark.parametrize(("rule", "resource"), [("CKV_AWS_158", "prod-*"), ("CKV_AWS_338", "dev-network-flow")])
def test_an_exception_for_something_else_does_not_help(rule: str, resource: str) -> None:
    assert scanned(except_for(rule, resource)).stopping


def test_after_its_last_day_the_check_stops_again_and_says_why() -> None:
    scan = scanned(except_for("CKV_AWS_158", "dev-*", date(2025, 12, 31)))
    assert scan.stopping
    assert "ended on 2025-12-31" in shown(scan)


def test_the_exceptions_of_the_repository_can_be_read() -> None:
    assert all(one.rule.startswith("CKV") for one in judge.exceptions())


def test_a_mistake_in_the_exceptions_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "suppressions.yaml"
    file.write_text("- {rule: CKV_AWS_1, resource: '*', reason: short, expires: 2027-01-01}")
    with pytest.raises(UserError, match="name the resource"):
        judge.exceptions(file)


@pytest.mark.parametrize("answer", [ANSWER, [ANSWER]])
def test_checkovs_answer_is_read(answer: object) -> None:
    assert runner.parse(json.dumps(answer)) == Checked(
        2, (Failure("CKV_AWS_27", "Ensure queues are encrypted", "aws_sqs_queue.q"),)
    )


def test_a_plan_with_nothing_to_check_passes() -> None:
    assert runner.parse('{"passed": 0, "failed": 0, "parsing_errors": 0}') == Checked(0, ())


@pytest.mark.parametrize("text", ["", "oops", '{"summary": {"parsing_errors": 1}, "results": {}}'])
def test_what_cannot_be_read_is_no_pass(text: str) -> None:
    with pytest.raises(UserError, match="no result that can be read") as raised:
        runner.parse(text)
    assert raised.value.code is Exit.FAILED


Answer = Callable[..., subprocess.CompletedProcess[str]]


def answering(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr(environment, "find_uv", lambda: Path("uv"))
    monkeypatch.setattr(subprocess, "run", answer)


def test_checkov_is_pinned_and_its_file_is_private_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Path] = []

    def answer(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        file = Path(command[command.index("--file") + 1])
        files.append(file)
        assert command[1:5] == ["tool", "run", "--from", f"checkov=={runner.VERSION}"]
        assert stat.S_IMODE(file.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
        assert json.loads(file.read_text()) == {"a": 1}
        return subprocess.CompletedProcess(command, 0, json.dumps(ANSWER), "")

    answering(monkeypatch, answer)
    assert runner.run_checkov({"a": 1}).passed == 2
    assert [file.parent.exists() for file in files] == [False]


def test_what_cannot_be_fetched_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda command, **_: subprocess.CompletedProcess(command, 1, "", "x\nno route to host\n"))
    with pytest.raises(UserError, match=r"could not be fetched or run: no route to host") as raised:
        runner.run_checkov({})
    assert raised.value.code is Exit.FAILED


def test_a_checkov_that_never_answers_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 1)

    answering(monkeypatch, answer)
    with pytest.raises(UserError, match="gave no answer"):
        runner.run_checkov({})


def test_without_uv_the_command_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_uv", lambda: None)
    with pytest.raises(UserError) as raised:
        runner.run_checkov({})
    assert "make setup" in raised.value.hint


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.environ.get("MODESHIFT_CHECKOV") != "1", reason="MODESHIFT_CHECKOV=1 fetches checkov (190 MB)")
def test_checkov_itself_reads_the_plan_and_sees_what_belongs_together() -> None:
    queue, block = "aws:sqs/queue:Queue", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    bucket, unknown = "aws:s3/bucket:Bucket", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    def step(kind: str, name: str, **inputs: object) -> dict[str, object]:
        urn = f"urn:pulumi:dev::shop::{kind}::{name}"
        metadata = {"op": "create", "urn": urn, "type": kind, "new": {"urn": urn, "type": kind, "inputs": inputs}}
        return {"resourcePreEvent": {"metadata": metadata}}

    closed = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
    events = [
        step(queue, "open", sqsManagedSseEnabled=False),
        step(queue, "encrypted", sqsManagedSseEnabled=True),
        step(bucket, "guarded"),
        step(bucket, "bare"),
        step(block, "guard", bucket=unknown, **closed),
    ]
    urn = "urn:pulumi:dev::shop::{}::{}".format
    plan = terraform_plan(events, {urn(block, "guard"): {"bucket": frozenset({urn(bucket, "guarded")})}})
    failed = {(one.check, one.address) for one in runner.run_checkov(plan.document).failures}
    assert {one for one in failed if one[0] in {"CKV_AWS_27", "CKV2_AWS_6"}} == {
        ("CKV_AWS_27", "aws_sqs_queue.open"),
        ("CKV2_AWS_6", "aws_s3_bucket.bare"),
    }
