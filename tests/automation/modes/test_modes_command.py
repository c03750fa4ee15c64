"""`modeshift modes` as people type it, and its page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from automation.cli import app
from automation.errors import Exit
from automation.modes.decision import PAGE, written_into

ROOT = Path(__file__).resolve().parents[3]
WIDTH = 80


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stack dev to stand in."""
    (tmp_path / "Pulumi.yaml").write_text("name: modeshift\n")
    (tmp_path / "Pulumi.dev.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text())
    manifests = tmp_path / "app/services/netprobe"
    manifests.mkdir(parents=True)
    shutil.copy(ROOT / "app/services/netprobe/service.toml", manifests)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["modes", "--stack", "dev", *words])


def document(*words: str) -> dict[str, Any]:
    ran = run("--json", *words)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def add(project: Path, *lines: str) -> None:
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.writelines(f"  modeshift:{line}\n" for line in lines)


@pytest.mark.usefixtures("project")
def test_little_traffic_is_for_lambda_and_much_for_fargate() -> None:
    small, large = document(), document("--usage", "large")
    assert (small["recommended"], large["recommended"]) == ("lambda", "fargate")
    assert small["move"] is None
    assert large["move"] == "modeshift shift --stack dev --service netprobe --to fargate"


@pytest.mark.usefixtures("project")
def test_every_compute_has_every_figure() -> None:
    computes = document()["computes"]
    assert list(computes) == ["eks", "fargate", "lambda"]
    for compute in computes.values():
        assert float(compute["monthly"]["idle"]) <= float(compute["monthly"]["atTraffic"])
        assert all(compute["latency"].values())
        assert all(compute["availability"].values())
        assert compute["movingParts"]
    assert computes["lambda"]["monthly"]["idle"] == "0.00"
    assert {name: compute["share"] for name, compute in computes.items()} == {"lambda": 100, "fargate": 0, "eks": 0}


@pytest.mark.usefixtures("project")
def test_the_reason_holds_the_figures_of_the_table() -> None:
    said = document("--usage", "large")
    amounts = {name: float(compute["monthly"]["atTraffic"]) for name, compute in said["computes"].items()}
    assert f"{amounts['fargate']:,.2f} USD" in said["why"]
    assert f"{amounts['lambda'] - amounts['fargate']:,.2f} less than Lambda" in said["why"]


def test_what_the_stack_file_lacks_for_a_move_is_said(project: Path) -> None:
    add(project, "services: {netprobe: {mode: serverless, size: {memory: 768}}}")
    fargate = document()["computes"]["fargate"]
    assert any("services.netprobe.size.memory (768): Fargate" in what for what in fargate["before"])


def test_a_compute_that_cannot_run_the_service_is_not_recommended_however_cheap(project: Path) -> None:
    manifest = project / "app/services/netprobe/service.toml"
    manifest.write_text(manifest.read_text().replace('needs = ["internet"]', 'needs = ["internet", "icmp"]'))
    add(project, "services: {netprobe: {mode: container}}")
    said = document()
    assert said["recommended"] == "fargate"
    assert "TCP and UDP sockets only" in " ".join(said["computes"]["lambda"]["cannotRun"])
    assert "Lambda cannot" in said["why"]
    shown = " ".join(run().output.split())
    assert "Lambda cannot run it" in shown
    assert "--to lambda" not in shown


@pytest.mark.usefixtures("project")
def test_the_limits_are_those_that_settings_are_held_to() -> None:
    computes = document()["computes"]
    assert computes["lambda"]["limits"]["largest request and answer"] == "6 MB"
    assert computes["fargate"]["limits"]["ICMP echo"] == "yes"
    assert {tuple(compute["limits"]) for compute in computes.values()} == {tuple(computes["eks"]["limits"])}


def test_the_settings_of_the_stack_are_what_is_described(project: Path) -> None:
    add(project, "services: {netprobe: {scaling: {min: 2}}}", "serverless: {snapStart: true}", "frontDoor: alb")
    computes = document()["computes"]
    assert computes["fargate"]["availability"]["here"] == "2 or more tasks in 2 zones"
    assert "snapshot" in computes["lambda"]["latency"]["cold"]
    assert "VPC link" not in " ".join([*computes["fargate"]["movingParts"], *computes["fargate"]["brings"]])


def test_a_shift_that_is_under_way_is_shown(project: Path) -> None:
    add(project, "services: {netprobe: {shift: {step: 2, weights: {lambda: 90, fargate: 10}}}}")
    assert "Lambda (now 90 %)" in " ".join(run().output.split())
    assert "--to fargate" not in run().output


@pytest.mark.usefixtures("project")
def test_the_table_fits_and_says_what_a_move_takes() -> None:
    ran = run()
    assert max(len(line.rstrip()) for line in ran.output.splitlines()) <= WIDTH
    assert "modeshift shift --stack dev --service netprobe --to fargate" in ran.output
    assert "internal load balancer and a VPC link" in ran.output


def test_several_services_are_asked_for_by_name(project: Path) -> None:
    manifests = project / "app/services/users"
    manifests.mkdir()
    (manifests / "service.toml").write_text('title = "u"\nsummary = "s"\nroute = "/users"\n')
    add(project, "services: {netprobe: {}, users: {}}")
    assert run().exit_code == Exit.USAGE
    assert document("--service", "users")["service"] == "users"


def test_the_page_has_the_tables_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written_into(page) == page, "run: python -m automation.modes.decision"
    assert page.count("| 100 ms |") == 2
