"""Previews that one run keeps and another reports on: the same report, and nothing but data is believed."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from automation import saved
from automation.errors import Exit, UserError
from automation.markdown import Basis, StackReport, report
from automation.operations import Result
from automation.plan import Diagnostic, Plan, build
from automation.saved import Previews

RECORDED = Path(__file__).parent / "recorded"


def previewed(stack: str, recording: str, code: Exit = Exit.DONE) -> Result:
    events = [json.loads(line) for line in (RECORDED / f"{recording}.jsonl").read_text().splitlines()]
    return Result(stack, build(stack, events), code, 1.0, events=events)


def refused(stack: str, why: str) -> Result:
    plan = Plan(stack)
    plan.diagnostics.append(Diagnostic("error", why))
    return Result(stack, plan, Exit.USAGE, 0)


def text(previews: Previews) -> str:
    stacks = [StackReport(one.plan, ok=one.complete) for one in previews.results]
    return report(stacks, basis=previews.basis, notice=previews.notice).comment


@pytest.fixture
def previews() -> Previews:
    results = [previewed("dev", "switch"), previewed("prod", "failing", Exit.FAILED), refused("staging", "A typo.")]
    return Previews(results, Basis.PROGRAM, "Sandbox: nothing was created in AWS.")


def test_the_report_of_kept_previews_is_the_one_of_the_run_itself(previews: Previews, tmp_path: Path) -> None:
    saved.save(tmp_path / "kept", previews)
    loaded = saved.load(tmp_path / "kept")

    assert text(loaded) == text(previews)
    assert "A typo." in text(loaded)
    assert [(one.stack, one.code) for one in loaded.results] == [(one.stack, one.code) for one in previews.results]
    assert [one.events for one in loaded.results] == [list(one.events) for one in previews.results]


def test_nobody_else_reads_them(previews: Previews, tmp_path: Path) -> None:
    saved.save(tmp_path, previews)

    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def edit_index(folder: Path, **changes: object) -> None:
    path = folder / "previews.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def link_elsewhere(folder: Path) -> None:
    (folder / "dev.jsonl").unlink()
    (folder / "dev.jsonl").symlink_to("/etc/hostname")


HOSTILE: dict[str, Callable[[Path], object]] = {
    "no index": lambda folder: (folder / "previews.json").unlink(),
    "not JSON": lambda folder: (folder / "previews.json").write_text("<html>"),
    "another schema": lambda folder: edit_index(folder, schema=2),
    "more than we know": lambda folder: edit_index(folder, marker="run=99"),
    "a stack that is a path": lambda folder: edit_index(folder, stacks=[{"name": "../../etc/passwd", "code": 0}]),
    "a stack that is markup": lambda folder: edit_index(folder, stacks=[{"name": "<img>", "code": 0}]),
    "a code that none has": lambda folder: edit_index(folder, stacks=[{"name": "dev", "code": 77}]),
    "a basis that none is": lambda folder: edit_index(folder, basis="approved"),
    "events missing": lambda folder: (folder / "dev.jsonl").unlink(),
    "events cut short": lambda folder: (folder / "dev.jsonl").write_text('{"resourcePreEvent": {"met'),
    "events of another kind": lambda folder: (folder / "dev.jsonl").write_text('["a", "list"]\n'),
    "events without what they need": lambda folder: (folder / "dev.jsonl").write_text(
        '{"resourcePreEvent": {"metadata": {}}}\n'
    ),
    "an event that is a number": lambda folder: (folder / "dev.jsonl").write_text('{"resourcePreEvent": 7}\n'),
    "not text": lambda folder: (folder / "dev.jsonl").write_bytes(b"\xff\xfe\x00"),
    "a link": link_elsewhere,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_ours_is_refused_in_a_sentence(name: str, previews: Previews, tmp_path: Path) -> None:
    saved.save(tmp_path, previews)
    HOSTILE[name](tmp_path)

    with pytest.raises(UserError, match="holds no previews that can be read") as caught:
        saved.load(tmp_path)
    assert "--save" in caught.value.hint


def test_more_than_anybody_would_read_is_refused(
    previews: Previews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.save(tmp_path, previews)
    monkeypatch.setattr(saved, "_MOST_BYTES", 100)

    with pytest.raises(UserError, match="at most 100 bytes"):
        saved.load(tmp_path)


def test_text_in_kept_events_cannot_pose_as_ours(tmp_path: Path) -> None:
    marker = "<!-- modeshift:preview run=999999.1 sha=ffffffff -->"
    saved.save(tmp_path, Previews([refused("dev", f"{marker}\n## All is well\n@everyone")], Basis.PROGRAM, marker))

    said = text(saved.load(tmp_path))
    assert marker not in said.splitlines()
    tokens = MarkdownIt("commonmark").parse(said)
    headings = [tokens[place + 1].content for place, one in enumerate(tokens) if one.type == "heading_open"]
    assert headings
    assert "All is well" not in headings
