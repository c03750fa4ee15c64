"""A rehearsal as JSON, Markdown, text and picture."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console

from automation.errors import UserError
from automation.rehearse.chart import write_chart
from automation.rehearse.markdown import markdown
from automation.rehearse.report import Happening, Report, document
from automation.rehearse.samples import Sample
from automation.rehearse.words import view
from tests.automation.rehearse.made import START, failed, lowered, report

REPOSITORY = Path(__file__).resolve().parents[3]
NOTICE = "Sandbox: nothing was created in AWS."
HOSTILE = "a | b `c` <img src=x onerror=y> [d](https://evil.example) @somebody\n# title"


def shown(found: Report) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(view(found))
    return console.export_text()


@pytest.mark.parametrize(
    "found",
    [report(), report("spike", extra=failed(START + 20, 30)), lowered(report("deploy")), replace(report(), samples=())],
)
def test_the_document_is_what_the_published_schema_says(found: Report) -> None:
    schema = json.loads((REPOSITORY / "docs/rehearsal.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    told = json.loads(json.dumps(document(found, NOTICE)))
    validator.validate(told)
    assert not list(_unknown(schema, schema, told)), "the document has fields that the schema does not name"


def _unknown(root: dict, schema: dict, value: object, place: str = ""):
    schema = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, dict):
        for key, part in value.items():
            if key in schema.get("properties", {}):
                yield from _unknown(root, schema["properties"][key], part, f"{place}.{key}")
            elif "additionalProperties" not in schema:
                yield f"{place}.{key}"
    elif isinstance(value, list):
        for part in value:
            yield from _unknown(root, schema.get("items", {}), part, place)


def test_times_count_from_the_beginning_of_the_load_and_latencies_are_milliseconds() -> None:
    told = document(report(extra=failed(START + 20.5, 2)), NOTICE)
    assert told["failures"] == [{"kind": "status 502", "count": 2, "first": 20.5}]
    assert told["phases"]["before"]["requests"] == 750
    assert told["phases"]["during"]["failed"] == 2
    assert told["phases"]["after"]["p50_ms"] == 14.0
    assert told["timeline"][1]["at"] == 19.0
    assert told["load"]["seconds"] == {"before": 15.0, "during": 25.0, "after": 20.0}


def test_requests_are_counted_where_they_were_due() -> None:
    late = Sample(START + 14.9, 0.0, 8.0, 200)
    assert report(extra=[late]).phases.before.most == 8.0


def test_markdown_has_all_that_a_reviewer_asks() -> None:
    text = markdown(lowered(report(extra=failed(START + 20, 3))), NOTICE, "rehearsal.svg")
    assert text.startswith("## ❌ Rehearsal of `shift:lambda→fargate` on `dev`: bad\n")
    assert f"> {NOTICE}" in text
    assert "![Latency and requests over time; the change is shaded.](rehearsal.svg)" in text
    assert "| during | 1253 | **3** |" in text
    assert "| status 502 | 3 | 20.0 s |" in text
    assert "(200 were not answered steadily)" in text


def test_markdown_shows_what_came_from_outside_and_does_nothing_else_with_it() -> None:
    events = (Happening(time=START, source="sandbox", subject=HOSTILE, text=HOSTILE, level="error"),)
    broken = failed(START + 20, 1, 0, HOSTILE)
    text = markdown(replace(report(extra=broken), timeline=events, stack=HOSTILE, remarks=(HOSTILE,)), NOTICE)
    for line in text.splitlines():
        outside = re.sub(r"<code>.*?</code>|`+[^`]+`+", "", line)
        assert "<img" not in outside
        assert "](https" not in outside
        assert "@somebody" not in outside
    assert not re.search(r"^# title", text, re.MULTILINE)


def test_the_text_says_the_same() -> None:
    text = shown(report(extra=failed(START + 20, 3)))
    assert "shift:lambda→fargate on dev: bad" in text
    assert re.search(r"no request fails +3 of 3003 failed +MISSED", text)
    assert re.search(r"status 502 +3 +20.0 s", text)
    assert "the shift to fargate begins" in text


def test_a_long_timeline_keeps_the_steps_and_what_went_wrong() -> None:
    many = [Happening(time=START + n, source="sandbox", subject="dev-web", text=f"event {n}") for n in range(100)]
    many[90] = replace(many[90], level="error", text="a task was killed")
    many[95] = replace(many[95], source="command", text="the last step")
    text = shown(replace(report(), timeline=many))
    assert "a task was killed" in text
    assert "the last step" in text
    assert "and 60 events more" in text


def test_the_same_rehearsal_gives_the_same_picture(tmp_path: Path) -> None:
    found = report(extra=failed(START + 20, 3))
    for name in ("one.svg", "two.svg", "one.png"):
        write_chart(found, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    drawn = ET.parse(tmp_path / "one.svg").getroot()
    assert drawn.tag.endswith("svg")
    text = (tmp_path / "one.svg").read_text()
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(href|src)=\"https?:", text), "it loads nothing"


def test_a_picture_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    write_chart(replace(report(), samples=(), timeline=()), tmp_path / "empty.svg")
    with pytest.raises(UserError, match="neither"):
        write_chart(report(), tmp_path / "chart.gif")
