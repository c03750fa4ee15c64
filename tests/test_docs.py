"""The pages tell the truth: commands and options exist, settings resolve, links lead somewhere, codes are the codes."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from automation.cli import app
from automation.errors import Exit
from stacks.catalog import Catalog, Manifest, read_catalog
from stacks.load import resolve

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
CATALOG = read_catalog(ROOT) or Catalog()
COMMAND = typer.main.get_command(app)


def pages() -> list[object]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]


def commands(text: str) -> list[list[str]]:
    """Return every use of the command in code, as words, without what follows it in a pipe or a comment."""
    code = re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    found: list[list[str]] = []
    for line in "\n".join(code).splitlines():
        for use in re.finditer(
            r"(?:^|[\s(/\"])modeshift ((?:[a-z-]+|\s|--?[a-z-]+|[A-Za-z0-9_./:=\[\]…|<>-]+)*)", line
        ):
            words = shlex.split(use[1].partition("|")[0], comments=True)
            if words and re.fullmatch(r"[a-z-]+", words[0]):
                found.append(words)
    return found


def unknown(words: list[str]) -> str:
    """Return what of a command does not exist, nothing when all does."""
    node, is_value = COMMAND, False
    for word in words:
        if is_value:
            is_value = False
        elif word == "--":
            # What follows is for another command.
            return ""
        elif word.startswith("-"):
            known = {name: option for option in node.params for name in (*option.opts, *option.secondary_opts)}
            name, given, _ = word.partition("=")
            if name not in {*known, "--help"}:
                return f"{word} of {' '.join(words)}"
            is_value = not given and name in known and not getattr(known[name], "is_flag", False)
        elif hasattr(node, "commands") and word != "…":
            if word not in node.commands:
                return f"{word} in {' '.join(words)}"
            node = node.commands[word]
    return ""


@pytest.mark.parametrize("page", pages())
def test_every_command_and_option_exists(page: Path) -> None:
    assert [problem for words in commands(page.read_text()) if (problem := unknown(words))] == []


def test_the_check_of_commands_can_fail() -> None:
    assert [unknown(words) for words in commands("`modeshift fly` and `modeshift up --fast`")] == [
        "fly in fly",
        "--fast of up --fast",
    ]


@pytest.mark.parametrize("page", pages())
def test_every_manifest_in_a_page_is_valid(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
        Manifest.model_validate_json(json.dumps(tomllib.loads(block)), strict=True, by_alias=True, by_name=False)


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", pages())
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\$? ?)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("page", pages())
def test_every_stack_file_in_a_page_is_valid(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        document = yaml.safe_load(block)
        if isinstance(document, dict) and "config" in document:
            services = document["config"].get("modeshift:services") or {}
            # A page may make services up; those that exist are held to their manifests.
            catalog = CATALOG if services.keys() <= CATALOG.folders.keys() else None
            resolve("dev", {"aws:region": "us-east-1", **document["config"]}, catalog=catalog)


def test_the_page_of_the_command_lists_every_command_and_code() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    listed = set(re.findall(r"^\| `([a-z-]+)", text, re.MULTILINE))
    assert listed == set(COMMAND.commands)
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {code.value for code in Exit}
