"""`modeshift cost` as people type it: comparisons without an engine, estimates from a real preview."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
import yaml
from typer.testing import CliRunner, Result

from automation import cost_cli
from automation.cli import app
from automation.cost.usage import Usage, load_usage
from automation.errors import Exit
from tests.automation.cost.test_cost_delta import EVENTS, step

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/cost.md"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two stack files to stand in."""
    (tmp_path / "Pulumi.yaml").write_text("name: modeshift\n")
    for name in ("dev", "staging"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text((ROOT / f"Pulumi.{name}.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the preview of any stack says, in place of an engine."""
    said: list[dict[str, Any]] = list(EVENTS)

    class Session:
        def __init__(self, _project: object, stack: str, _cloud: object) -> None:
            self.stack = stack

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(cost_cli, "open_session", Session)
    monkeypatch.setattr(cost_cli.operations, "preview", lambda session, console: SimpleNamespace(ok=True, events=said))
    return said


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["cost", *words])


def budget(project: Path, **values: object) -> None:
    path = project / "Pulumi.dev.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["modeshift:budget"] = values
    path.write_text(yaml.safe_dump(document))


def test_an_estimate_fits_eighty_columns_and_says_everything(project: Path, events: list[dict[str, Any]]) -> None:
    events.append(step("create", "aws:guardduty/detector:Detector", "watch", new={}))
    ran = run("--stack", "dev")

    assert ran.exit_code == 0, ran.output
    assert max(len(line) for line in ran.output.splitlines()) <= 80
    # Two addresses and a key with 10,000 requests.
    assert "dev: 8.33 USD a month expected" in ran.output
    assert "Unknown, and not in the total:" in ran.output
    assert "dev-watch (Detector), all of it: billed by the events" in ran.output
    assert "Against what is deployed: 0.00 USD a month." in ran.output
    assert "prices on demand in us-east-1" in ran.output


def test_lines_show_quantities(project: Path, events: list[dict[str, Any]]) -> None:
    ran = run("--stack", "dev", "--lines")

    assert re.search(r"dev-key +requests +10,000 +requests +0\.03", ran.output)
    assert max(len(line) for line in ran.output.splitlines()) <= 80


def test_the_document_is_exact(project: Path, events: list[dict[str, Any]]) -> None:
    ran = run("--all", "--usage", "medium", "--json")
    document = json.loads(ran.stdout)

    assert [stack["stack"] for stack in document["stacks"]] == ["dev", "staging"]
    (dev, _) = document["stacks"]
    assert dev["usage"] == "medium"
    assert dev["total"] == {"min": "8.60", "expected": "8.60", "max": "8.60"}
    assert dev["budget"] is None
    assert {row["resource"] for row in dev["delta"]["rows"]} == {"dev-gone", "dev-new"}


@pytest.mark.parametrize(("monthly", "code"), [(8, Exit.POLICY), (9, Exit.DONE)])
def test_a_budget_ends_with_the_code_of_a_policy(
    project: Path, events: list[dict[str, Any]], monthly: int, code: Exit
) -> None:
    budget(project, monthly=monthly)
    ran = run("--stack", "dev")

    assert ran.exit_code == code, ran.output
    assert ("Over the budget" in ran.output) is (code is Exit.POLICY)


def test_a_budget_brings_its_usage_and_a_word_overrides_it(project: Path, events: list[dict[str, Any]]) -> None:
    (project / "usage.yaml").write_text("keyRequests: 1000000\n")
    budget(project, monthly=100, usage="usage.yaml")

    assert "dev: 11.30 USD" in run("--stack", "dev").output
    assert "dev: 8.33 USD" in run("--stack", "dev", "--usage", "small").output


def test_a_preview_that_fails_is_not_priced(
    project: Path, events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = SimpleNamespace(ok=False, events=events, code=Exit.FAILED, plan=SimpleNamespace(errors=list))
    monkeypatch.setattr(cost_cli.operations, "preview", lambda session, console: failed)
    ran = run("--stack", "dev")

    assert ran.exit_code == Exit.FAILED
    assert "cannot be priced: its preview did not finish" in ran.output
    assert "USD" not in ran.output


def test_a_region_without_prices_is_refused_before_the_preview(project: Path) -> None:
    path = project / "Pulumi.dev.yaml"
    path.write_text(path.read_text().replace("us-east-1", "eu-central-1"))
    ran = run("--stack", "dev")

    assert ran.exit_code == Exit.USAGE
    assert "There are no prices for eu-central-1." in ran.output
    assert "modeshift cost refresh --region eu-central-1" in ran.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--usage", "nowhere.yaml", "--stack", "dev"], "There is no usage file nowhere.yaml."),
        (["--stack", "dev", "--chart", "a.png"], "--chart and --service belong to a comparison."),
        (["--all", "--compare-modes"], "One stack is compared at a time."),
        (["--stack", "prod"], "There is no stack 'prod'"),
        ([], "Which stack?"),
    ],
)
def test_mistakes_are_sentences(project: Path, words: list[str], sentence: str) -> None:
    ran = run(*words)

    assert ran.exit_code == Exit.USAGE
    assert sentence in ran.output
    assert "Traceback" not in ran.output


def test_a_comparison_is_a_table_a_document_and_a_picture(project: Path) -> None:
    table = run("--stack", "dev", "--compare-modes", "--chart", "out/modes.png")
    document = json.loads(run("--stack", "dev", "--compare-modes", "--json").stdout)

    assert table.exit_code == 0, table.output
    assert max(len(line) for line in table.output.splitlines()) <= 80
    assert (project / "out/modes.png").read_bytes().startswith(b"\x89PNG")
    assert document["service"] == "netprobe"
    assert f"{document['breakEvens'][0]['requests']:,}" in table.output


def test_a_refresh_without_a_network_is_a_sentence(project: Path) -> None:
    ran = run("refresh", "--from", "http://127.0.0.1:1")

    assert ran.exit_code == Exit.FAILED
    assert "cannot be reached" in ran.output


def test_the_page_shows_what_the_command_says() -> None:
    block = re.search(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    ran = CliRunner(env={"COLUMNS": "80"}).invoke(
        app, ["cost", "--stack", "dev", "--compare-modes", "--cloud", "sandbox"]
    )
    said = [line.rstrip() for line in ran.output.partition("This rests on:")[0].rstrip().splitlines()]

    assert block[1].rstrip().splitlines() == said


def test_the_usage_file_of_the_page_is_one(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(# usage\.yaml.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "usage.yaml").write_text(blocks[0])

    assert isinstance(load_usage(str(tmp_path / "usage.yaml")), Usage)
    assert len(blocks) == 1


@pytest.mark.e2e
def test_a_stack_of_the_repository_is_priced_without_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MODESHIFT_LOCAL", str(tmp_path))
    ran = run("--stack", "staging", "--cloud", "sandbox", "--json")
    assert ran.exit_code == 0, ran.output
    (staging,) = json.loads(ran.stdout)["stacks"]

    kinds = {item["price"] for item in staging["items"]}
    assert {"nat.hours", "ipv4.hours", "alb.hours", "eks.cluster", "apigateway.http", "logs.ingest"} <= kinds
    assert [gap["what"] for gap in staging["unknown"]] == ["Container Insights"]
    assert any("Auto Mode keeps 2 nodes of m7g.large" in text for text in staging["assumptions"])
