"""The code of docs/workers.md is a service that takes what its triggers send."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.worker.desk import Desk
from tests.app.worker.test_bodies import CHANGED, DUE, WRITTEN

PAGE = (Path(__file__).resolve().parents[3] / "docs/workers.md").read_text()
(MANIFEST,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]


@pytest.fixture
def code() -> tuple[str, str]:
    return CODE, MANIFEST


@pytest.fixture
def triggers() -> list[str]:
    return list(tomllib.loads(MANIFEST)["triggers"])


def test_the_service_of_the_page_takes_what_each_trigger_sends(
    desk: Desk, deliver: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send({"parcel": "a", "weight": 2}, {"parcel": "b", "weight": 40}, {"parcel": "c"})
    desk.send({"Records": [WRITTEN]}, trigger="printed")
    desk.send(DUE, trigger="nightly")
    desk.send(CHANGED, trigger="moved")
    assert deliver("jobs", "printed", "nightly", "moved") == []
    assert {json.loads(body)["parcel"]: told["reason"] for body, told in desk.parked()} == {
        "b": "nobody can carry it",
        "c": "no Job: weight: Field required",
    }
    said = capsys.readouterr().out
    assert "uploads-1a2b3c a b/café+1.sol v1" in said
    assert "due at 2026-11-21 12:00:00+00:00" in said
    assert "MODIFY {'hash': 'abc'}" in said


def test_the_page_s_example_of_a_line_is_what_is_logged(
    desk: Desk, deliver: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    desk.send({"parcel": "a", "weight": 2})
    deliver("jobs")
    (record,) = [record for record in caplog.records if record.name == "app.messages"]
    (example,) = re.findall(r"INFO app\.messages message (.*)", PAGE)
    assert list(record.fields) == [word.partition("=")[0] for word in example.split()]
