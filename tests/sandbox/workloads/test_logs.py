"""Lines come back by group, time and text; a full disk loses lines and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.workloads import logs as module
from sandbox.workloads.logs import Logs


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def test_lines_of_all_streams_come_in_the_order_of_their_times(logs: Logs) -> None:
    for number in range(6):
        logs.write("/aws/lambda/dev", f"stream/{number % 2}", f"line {number}\n")
    lines = logs.read("/aws/lambda/dev")
    assert [line.text for line in lines] == [f"line {number}" for number in range(6)]
    assert {line.stream for line in lines} == {"stream/0", "stream/1"}
    assert logs.groups() == ["/aws/lambda/dev"]
    logs.close()


def test_lines_are_chosen(logs: Logs) -> None:
    for text in ("GET /health", "GET /v1", "ERROR it broke"):
        logs.write("group", "one", text)
    logs.write("group", "two", "ERROR too")
    middle = logs.read("group")[1].time
    assert [line.text for line in logs.read("group", contains="ERROR")] == ["ERROR it broke", "ERROR too"]
    assert [line.text for line in logs.read("group", stream="two")] == ["ERROR too"]
    assert [line.text for line in logs.read("group", end=middle)] == ["GET /health"]
    assert len(logs.read("group", limit=2)) == 2
    assert logs.read("another") == []
    logs.close()


def test_a_stream_keeps_its_end_within_its_size(logs: Logs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    for number in range(200):
        logs.write("group", "one", f"{number:060}")
    lines = logs.read("group")
    assert lines[-1].text.endswith("199")
    assert 10 < len(lines) < 40
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 3000
    logs.close()


def test_what_a_killed_process_left_half_written_is_left_out(tmp_path: Path) -> None:
    first = Logs(tmp_path)
    first.write("group", "one", "whole")
    first.close()
    with next(tmp_path.rglob("*.jsonl")).open("a") as file:
        file.write('[17, "ha')
    assert [line.text for line in Logs(tmp_path).read("group")] == ["whole"]


def test_a_full_disk_loses_lines_only(tmp_path: Path) -> None:
    (tmp_path / "logs").symlink_to("/dev/full")
    logs = Logs(tmp_path / "logs")
    logs.write("group", "one", "lost")
    assert logs.lost == 1
    logs.close()


def test_a_group_is_forgotten(logs: Logs) -> None:
    logs.write("group", "one", "text")
    logs.forget("group")
    assert (logs.groups(), logs.read("group")) == ([], [])
