"""`modeshift verify-aws` against stand-ins at its boundaries: the sandbox for AWS, a local server for the URL."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from automation import operations, verify
from automation.cloud import Cloud, Session, open_session
from automation.errors import Exit, UserError
from automation.operations import Result
from automation.plan import Change, Op, Plan
from automation.project import Project
from automation.relocation import is_empty
from automation.state import State
from automation.verify import STACK, Verification, confirmation

REPOSITORY = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"


@dataclass
class Service:
    """A web server that answers as the deployed service would, after failing some times."""

    failures: int = 0
    probes: list[dict[str, Any]] = field(default_factory=list)
    probe_ok: bool = True
    url: str = ""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, object]]:
        if self.failures > 0:
            self.failures -= 1
            return 503, {}
        if path == "/v1/probes/tcp":
            self.probes.append(body)
            return 200, {"ok": self.probe_ok, "error": None if self.probe_ok else {"kind": "refused"}}
        return 200, {"/health": {"status": "ok"}, "/version": {"version": "1.0.0"}}[path]


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, document = service.answer(self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        do_POST = do_GET  # noqa: N815 the server looks for this name

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        server.shutdown()
        thread.join()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    return Project(tmp_path, tmp_path / "local")


@dataclass
class Steps:
    """What is done to the stack, noted instead of done."""

    done: list[str] = field(default_factory=list)
    left: list[list[str]] = field(default_factory=lambda: [[]])
    drift: bool = False
    up_fails: bool = False
    up_interrupts: bool = False
    empty: bool = True

    def result(self, name: str, code: Exit = Exit.DONE, plan: Plan | None = None) -> Result:
        self.done.append(name)
        return Result(STACK, plan or Plan(STACK), code, 0.0, {"url": "https://unused"})

    def up(self, *_: object, **__: object) -> Result:
        if self.up_interrupts:
            self.done.append("up")
            raise KeyboardInterrupt
        return self.result("up", Exit.FAILED if self.up_fails else Exit.DONE)

    def preview(self, *_: object, **__: object) -> Result:
        plan = Plan(STACK)
        if self.drift:
            plan.changes["urn"] = Change("urn:pulumi:s::p::t::thing", Op.UPDATE, "t", "thing", "", custom=True)
        return self.result("preview", plan=plan)

    def tagged(self, *_: object) -> list[str]:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()
    monkeypatch.setattr(verify.operations, "up", steps.up)
    monkeypatch.setattr(verify.operations, "preview", steps.preview)
    monkeypatch.setattr(verify.operations, "destroy", lambda *_: steps.result("destroy"))
    monkeypatch.setattr(verify.recovery, "recover", lambda *_: None)
    monkeypatch.setattr(verify.recovery, "lift_guards", lambda *_: None)
    monkeypatch.setattr(verify, "is_empty", lambda *_: steps.empty)
    monkeypatch.setattr(verify, "tagged", steps.tagged)
    return steps


def verification(project: Project, service: Service, **changes: Any) -> Verification:
    @contextmanager
    def opened(project: Project, state: State) -> Iterator[Session]:
        yield Session(project, STACK, Cloud.AWS, engine=None, state=state)  # type: ignore[arg-type]

    settings = {
        "confirm": confirmation(yes=False, ask=lambda _: ACCOUNT),
        "open": opened,
        "account_of": lambda _: ACCOUNT,
        "url_of": lambda _: service.url,
        "patience": 2.0,
        "pause": 0.01,
    }
    return Verification(project, Console(quiet=True), **{**settings, **changes})


def record(project: Project) -> dict[str, Any]:
    return json.loads((project.root / "docs/verified-on-aws.json").read_text())


def failed(project: Project) -> list[str]:
    return [check["name"] for check in record(project)["checks"] if not check["ok"]]


def test_everything_is_looked_at_and_destroyed_and_written_down(
    project: Project, service: Service, steps: Steps
) -> None:
    service.failures = 3
    assert verification(project, service).run()
    assert steps.done == ["up", "preview", "destroy"]
    host, port = service.url.removeprefix("http://").split(":")
    assert service.probes == [{"host": host, "port": int(port)}]
    document = record(project)
    assert document["ok"]
    assert document["region"] == "us-east-1"
    assert ACCOUNT not in json.dumps(document)
    assert [check["name"] for check in document["checks"]] == [
        "deploy",
        "/health",
        "/version",
        "TCP probe",
        "preview --expect-no-changes",
        "destroy",
        "nothing left",
    ]


def test_what_fails_is_named_and_all_is_destroyed_all_the_same(
    project: Project, service: Service, steps: Steps
) -> None:
    service.probe_ok, steps.drift = False, True
    assert not verification(project, service, patience=0.05).run()
    assert failed(project) == ["TCP probe", "preview --expect-no-changes"]
    assert steps.done[-1] == "destroy"


@pytest.mark.parametrize("how", ["up_fails", "up_interrupts"])
def test_a_deployment_that_does_not_end_well_is_destroyed(
    project: Project, service: Service, steps: Steps, how: str
) -> None:
    setattr(steps, how, True)
    assert not verification(project, service).run()
    assert steps.done == ["up", "destroy"]
    assert not record(project)["ok"]


def test_time_runs_out_and_all_is_destroyed(project: Project, service: Service, steps: Steps) -> None:
    service.failures = 1_000_000
    assert not verification(project, service, limit=0.2, patience=60).run()
    assert failed(project) == ["not stopped, by hand or by the time limit"]
    assert steps.done == ["up", "destroy"]


def test_what_an_earlier_run_left_goes_first(project: Project, service: Service, steps: Steps) -> None:
    steps.empty = False
    assert verification(project, service).run()
    assert steps.done == ["destroy", "up", "preview", "destroy"]


def test_leftovers_are_waited_for_and_then_named(
    project: Project, service: Service, steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/dev-verify"
    steps.left = [[arn], [arn], []]
    assert verification(project, service).run()
    steps.left = [[arn]]
    loud = verification(project, service, patience=0.05)
    loud.console = Console(width=200)
    assert not loud.run()
    said = capsys.readouterr().out
    assert "log-group:/aws/lambda/dev-verify" in said
    assert ACCOUNT not in said


@pytest.mark.parametrize(
    ("yes", "typed", "variable", "goes_on"),
    [
        (False, ACCOUNT, "", True),
        (False, "210987654321", "", False),
        (True, "", ACCOUNT, True),
        (True, "", "", False),
        (True, "", "210987654321", False),
    ],
)
def test_nothing_is_made_until_the_account_is_named(  # noqa: PLR0917 parameters and fixtures
    project: Project,
    service: Service,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    yes: bool,
    typed: str,
    variable: str,
    goes_on: bool,
) -> None:
    monkeypatch.setenv("MODESHIFT_VERIFY_ACCOUNT", variable)
    run = verification(project, service, confirm=confirmation(yes=yes, ask=lambda _: typed)).run
    if goes_on:
        assert run()
        return
    with pytest.raises(UserError, match="account"):
        run()
    assert steps.done == []
    assert not (project.root / "docs").exists()


def test_without_credentials_there_is_a_sentence(
    project: Project, service: Service, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(UserError, match="no AWS credentials"):
        verification(project, service, account_of=verify.account_id).run()
    assert steps.done == []


@pytest.mark.e2e
def test_the_whole_of_it_in_the_sandbox(tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("__main__.py", "Pulumi.yaml", "app", "components", "stacks", "requirements", "Pulumi.dev.yaml"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copyfile
        copy(REPOSITORY / name, tmp_path / name)
    project = Project(tmp_path, tmp_path / ".modeshift")
    counts: list[Mapping[str, int]] = []
    up = operations.up

    def counted(*args: Any, **options: Any) -> Result:
        result = up(*args, **options)
        counts.append(result.plan.counts())
        return result

    monkeypatch.setattr(operations, "up", counted)

    def opened(project: Project, state: State) -> Any:
        return open_session(project, STACK, Cloud.SANDBOX, state, runs=False)

    run = verification(project, service, open=opened)
    assert run.run(), run.checks
    assert counts[0]["create"] > 10
    with opened(project, verify._state(project)) as session:
        assert is_empty(session.engine, STACK)
    assert not (tmp_path / "Pulumi.dev-verify.yaml").exists()
