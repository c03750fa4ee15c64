"""Edits of a stack file: they say what they should, and leave every other line as it was."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import UserError
from automation.shift import file
from stacks.files import parse_stack_file
from stacks.load import resolve
from stacks.settings import Compute, StackSettings

LAMBDA, FARGATE = Compute.LAMBDA, Compute.FARGATE
IMAGE = "registry/app@sha256:" + "0" * 64
PLAIN = "config:\n  aws:region: us-east-1\n  modeshift:mode: serverless\n"
RICH = """\
# Who reads this?
config:
    aws:region:   "us-east-1"   # aligned by hand

    modeshift:mode: serverless # one word
    modeshift:container: {compute: fargate,
        placement:   public}
    modeshift:tags: { Team: 'probe',   Cost: "1" }
    modeshift:services:
        # the first
        netprobe:
            # where it is
            route: /
            timeout: 20

            # what it reads
            env: { A: "1" }
        users: { route: /users }
        # the last

    # the rest
    modeshift:owner: me
"""


def settings(text: str) -> StackSettings:
    config = parse_stack_file("Pulumi.dev.yaml", text).config
    return resolve("dev", {"modeshift:image": IMAGE, "modeshift:network": {"nat": "single"}, **config}).settings


def changed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def shifted(text: str, names: list[str], share: int, step: int) -> str:
    weights = {name: {LAMBDA: 100 - share, FARGATE: share} for name in names}
    return file.with_weights(text, settings(text), weights, step)


def moved(text: str, names: list[str], compute: Compute, *, whole: bool) -> str:
    return file.with_computes(text, settings(text), dict.fromkeys(names, compute), stack=compute if whole else None)


def test_a_file_without_services_lists_them_for_as_long_as_they_move() -> None:
    begun = shifted(PLAIN, ["netprobe"], 0, 1)
    assert changed(PLAIN, begun) == [
        "+  modeshift:services:",
        "+    netprobe:",
        "+      shift: {step: 1, weights: {lambda: 100, fargate: 0}}",
    ]
    half = shifted(begun, ["netprobe"], 50, 2)
    assert changed(begun, half) == [
        "-      shift: {step: 1, weights: {lambda: 100, fargate: 0}}",
        "+      shift: {step: 2, weights: {lambda: 50, fargate: 50}}",
    ]
    assert moved(half, ["netprobe"], FARGATE, whole=True) == PLAIN.replace("serverless", "container")
    assert moved(half, ["netprobe"], LAMBDA, whole=False) == PLAIN


def test_comments_and_layout_stay() -> None:
    begun = shifted(RICH, ["netprobe"], 10, 1)
    assert changed(RICH, begun) == ["+            shift: {step: 1, weights: {lambda: 90, fargate: 10}}"]
    assert moved(begun, ["netprobe"], LAMBDA, whole=False) == RICH
    after = moved(begun, ["netprobe"], FARGATE, whole=False)
    assert changed(RICH, after) == ["+            mode: container"]
    both = shifted(RICH, ["netprobe", "users"], 0, 1)
    ended = moved(both, ["netprobe", "users"], FARGATE, whole=True)
    assert {line.split("#")[0].strip() for line in changed(RICH, ended)} == {
        "-    modeshift:mode: serverless",
        "+    modeshift:mode: container",
        "-        users: { route: /users }",
        "+        users: {route: /users}",
    }


def test_a_comment_below_what_goes_stays() -> None:
    text = PLAIN + (
        "  modeshift:services:\n    netprobe:\n      shift: {step: 2, weights: {lambda: 0, fargate: 100}}\n"
        "      # why it is short\n      timeout: 9\n"
    )
    after = moved(text, ["netprobe"], FARGATE, whole=True)
    assert "      # why it is short\n      timeout: 9\n" in after
    assert "weights" not in after


def test_a_shift_in_several_lines_keeps_its_form() -> None:
    text = PLAIN + (
        "  modeshift:services:\n    netprobe:\n      shift:\n        step: 1 # raise it\n"
        "        weights:\n          lambda: 100\n          fargate: 0\n"
    )
    assert changed(text, shifted(text, ["netprobe"], 10, 2)) == [
        "-        step: 1 # raise it",
        "+        step: 2 # raise it",
        "-          lambda: 100",
        "-          fargate: 0",
        "+          lambda: 90",
        "+          fargate: 10",
    ]


@pytest.mark.parametrize("text", [PLAIN.replace("\n", "\r\n"), PLAIN.removesuffix("\n")], ids=["crlf", "no last end"])
def test_the_ends_of_lines_stay(text: str) -> None:
    begun = shifted(text, ["netprobe"], 0, 1)
    assert moved(begun, ["netprobe"], LAMBDA, whole=False) == text
    assert ("\r\n" in begun) == ("\r\n" in text)
    assert begun.count("\n") == begun.count("\r\n") or "\r" not in begun


def test_what_a_service_says_of_its_own_is_what_changes() -> None:
    text = PLAIN + "  modeshift:services:\n    netprobe: {mode: serverless}\n"
    assert settings(moved(text, ["netprobe"], FARGATE, whole=True)).computes_of("netprobe") == {FARGATE: 100}
    pinned = PLAIN + "  modeshift:services:\n    netprobe: {mode: container, compute: fargate}\n"
    back = moved(pinned, ["netprobe"], LAMBDA, whole=False)
    assert "netprobe: {mode: serverless}" in back


def test_services_as_text_are_refused() -> None:
    text = PLAIN + '  modeshift:services: \'{"netprobe": {"route": "/"}}\'\n'
    with pytest.raises(UserError, match="written as text"):
        shifted(text, ["netprobe"], 0, 1)


def test_a_file_is_replaced_in_one_step_with_its_rights(tmp_path: Path) -> None:
    real, path = tmp_path / "real.yaml", tmp_path / "Pulumi.dev.yaml"
    real.write_text("old\r\n", newline="")
    real.chmod(0o640)
    path.symlink_to(real)
    assert file.read(path) == "old\r\n"
    file.write(path, "new\r\n")
    assert real.read_bytes() == b"new\r\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert path.is_symlink()
    assert sorted(tmp_path.iterdir()) == [path, real]


words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)
gaps = st.sampled_from(["", " ", "   "])


@st.composite
def files(draw: st.DrawFn) -> str:
    """Return stack files as people write them: comments anywhere, any gaps, blocks in a line or in several."""

    def remark(indent: int) -> str:
        return draw(st.sampled_from(["", "\n", f"{' ' * indent}# {draw(words)}\n"]))

    def end() -> str:
        return draw(st.sampled_from(["", "  # x", " # y z"])) + "\n"

    width = draw(st.sampled_from([2, 4]))
    pad, gap = " " * width, draw(gaps)
    parts = [remark(0), "config:\n", f"{pad}aws:region:{gap or ' '}us-east-1{end()}", remark(width)]
    if draw(st.booleans()):
        parts.append(f"{pad}modeshift:mode: serverless{end()}")
    parts += [f"{pad}modeshift:tags: {{{gap}T: '{draw(words)}'{gap}}}{end()}", remark(width)]
    if draw(st.booleans()):
        parts.append(f"{pad}modeshift:services:\n")
        parts.append(remark(2 * width))
        if draw(st.booleans()):
            parts.append(f"{pad * 2}netprobe: {{{gap}timeout: 9{gap}}}{end()}")
        else:
            parts += [f"{pad * 2}netprobe:\n", f"{pad * 3}timeout:{gap or ' '}9{end()}", remark(3 * width)]
            parts += [f'{pad * 3}env:\n{pad * 4}A: "{draw(words)}"{end()}' if draw(st.booleans()) else ""]
    return "".join(parts) + f"{pad}modeshift:owner: me{end()}" + remark(0)


@given(files(), st.integers(0, 100), st.booleans())
def test_only_the_shift_changes_and_no_comment_is_lost(text: str, share: int, whole: bool) -> None:
    before = settings(text)
    begun = shifted(text, ["netprobe"], share, 3)
    after = settings(begun)
    assert after.computes_of("netprobe") == {LAMBDA: 100 - share, FARGATE: share}
    ended = moved(begun, ["netprobe"], FARGATE, whole=whole)
    assert settings(ended).computes_of("netprobe") == {FARGATE: 100}
    back = settings(moved(begun, ["netprobe"], LAMBDA, whole=False))
    assert back.model_dump() == before.model_dump()
    for one in (begun, ended):
        assert comments(one) == comments(text)
        kept = [line for line in text.splitlines() if "netprobe" not in line and "mode:" not in line]
        assert [line for line in one.splitlines() if line in kept] == kept


def comments(text: str) -> list[str]:
    return sorted(line.partition("#")[2].strip() for line in text.splitlines() if "#" in line)
