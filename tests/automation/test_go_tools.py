"""Tools built from the modules below `tools/`, with a stand-in for Go: pinned, cached, and never half-made."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import UserError
from automation.toolchain import go
from automation.toolchain.actionlint import ACTIONLINT, check
from automation.toolchain.injection import INJECTION
from automation.toolchain.kube_score import KUBE_SCORE, findings
from automation.toolchain.places import TOOLS
from automation.toolchain.work import Steps

GO = """#!/bin/sh
case "$1" in
  version) echo "go version go{version} linux/amd64" ;;
  env) echo {folder}/mod ;;
  build)
    echo "$@" > {folder}/asked
    echo "$PWD $GOFLAGS $GOMODCACHE" >> {folder}/asked
    while [ "$1" != -o ]; do shift; done
    echo made > "$2"
    exit {code} ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def offer(folder: Path, version: str = "1.26.8", code: int = 0) -> None:
    path = folder / "go"
    path.write_text(GO.format(version=version, folder=folder, code=code))
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("module", "path"),
    [
        (TOOLS, "pulumi/pulumi/pkg/v3"),
        (ACTIONLINT.module, "rhysd/actionlint"),
        (KUBE_SCORE.module, "zegl/kube-score"),
        (INJECTION.module, "corazawaf/libinjection-go"),
    ],
)
def test_a_module_pins_one_thing_and_every_part_of_it(module: Path, path: str) -> None:
    assert go.pinned(module)[0] == f"github.com/{path}"
    sums = (module / "go.sum").read_text()
    assert f"{go.pinned(module)[0]} v{go.pinned(module)[1]} h1:" in sums


def test_it_is_built_once_as_pinned(place: Path) -> None:
    offer(place)
    program = ACTIONLINT.ensure(Steps())
    assert program.read_text() == "made\n"
    command, where = (place / "asked").read_text().splitlines()
    assert command.endswith("github.com/rhysd/actionlint/cmd/actionlint")
    assert where.startswith(f"{ACTIONLINT.module} -mod=readonly ")
    assert list((place / "cache/modeshift/actionlint").glob("draft-*")) == []

    (place / "asked").unlink()
    assert ACTIONLINT.ensure(Steps()) == program
    assert not (place / "asked").exists()


def test_a_program_of_our_own_is_built_anew_when_it_changed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(place)
    first = INJECTION.ensure(Steps())
    assert (place / "asked").read_text().splitlines()[0].endswith(" .")

    changed = place / "tools" / INJECTION.name
    changed.mkdir(parents=True)
    (changed / "go.mod").write_text((INJECTION.module / "go.mod").read_text())
    (changed / "main.go").write_text("package main")
    monkeypatch.setattr("automation.toolchain.go_tool.TOOLS", changed.parent)
    assert INJECTION.ensure(Steps()) != first


def test_what_the_machine_has_of_it_is_not_downloaded_again(place: Path) -> None:
    offer(place)
    held = place / "mod" / "github.com" / "rhysd" / f"actionlint@v{go.pinned(ACTIONLINT.module)[1]}"
    held.mkdir(parents=True)
    ACTIONLINT.ensure(Steps())
    assert (place / "asked").read_text().strip().endswith(f" {place}/mod")


def test_a_build_that_fails_leaves_nothing(place: Path) -> None:
    offer(place, code=1)
    with pytest.raises(UserError, match="failed"):
        ACTIONLINT.ensure(Steps())
    assert not ACTIONLINT.cached().exists()


def test_a_go_that_is_too_old_is_none(place: Path) -> None:
    offer(place, version="1.20.1")
    assert go.find(ACTIONLINT.module) is None
    offer(place)
    assert go.find(ACTIONLINT.module) == place / "go"


def test_findings_end_the_check_with_the_code_of_the_program(place: Path) -> None:
    program = place / "lint"
    program.write_text(f"#!/bin/sh\npwd > {place}/where\nexit 3\n")
    program.chmod(0o755)
    assert check(program, place) == 3
    assert (place / "where").read_text().strip() == str(place)


def test_what_kube_score_is_content_with_is_no_finding(place: Path) -> None:
    program = place / "score"
    program.write_text("#!/bin/sh\necho '[OK] a'\necho '[SKIPPED] b'\necho '[WARNING] c'\ncat\n")
    program.chmod(0o755)
    assert findings(program, "[CRITICAL] d\n") == "[WARNING] c\n[CRITICAL] d"
    assert findings(program, "[OK] d\n") == "[WARNING] c"


def test_a_kube_score_that_says_nothing_is_a_finding(place: Path) -> None:
    program = place / "score"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    program.chmod(0o755)
    assert findings(program, "") == "broken"
