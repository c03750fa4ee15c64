"""The bootstrap's own state: local until there is a bucket, in the bucket from then on, and never in neither."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from automation import bootstrap as program_under_test
from automation import cloud as cloud_module
from automation.bootstrap import STACK, Home, next_steps
from automation.cloud import Cloud, Session, ensure_stack, environment, state_engine
from automation.engine import Engine
from automation.errors import Exit, UserError
from automation.operations import Result
from automation.plan import Plan
from automation.project import Project
from automation.relocation import move
from automation.state import PASSPHRASE, State, exists
from automation.toolchain import pulumi_binary

pytestmark = pytest.mark.e2e

OUTPUTS = {"backend": "s3://bucket?region=us-east-1", "secretsProvider": "awskms:///key?region=us-east-1"}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hunter2"'}


def console() -> Console:
    return Console(quiet=True)


def resource(name: str, identity: str, **outputs: object) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:{STACK}::modeshift-bootstrap::aws:s3/bucket:Bucket::{name}",
        "custom": True,
        "id": identity,
        "type": "aws:s3/bucket:Bucket",
        "inputs": {},
        "outputs": outputs,
    }


@dataclass
class Desk:
    """A bootstrap program whose engine is real and whose resources are typed in."""

    program: Project
    tagged: list[str] = field(default_factory=list)
    ups: list[State | None] = field(default_factory=list)
    secrets_provider: str = PASSPHRASE
    before_up: Callable[[Session], None] = lambda _: None

    @property
    def bucket(self) -> State:
        folder = self.program.local / "bucket"
        folder.mkdir(parents=True, exist_ok=True)
        return State(f"file://{folder}", self.program.local / "bucket-config", self.secrets_provider)

    @property
    def local(self) -> State:
        return State(f"file://{self.program.local}/bootstrap/state", self.program.local / "bootstrap/config/local")

    def engine(self, state: State) -> Engine:
        return state_engine(self.program, STACK, Cloud.SANDBOX, state)

    @contextmanager
    def open(self, state: State | None) -> Iterator[Session]:
        self.ups.append(state)
        where = state or self.bucket
        ensure_stack(self.program, STACK, Cloud.SANDBOX, where)
        yield Session(self.program, STACK, Cloud.SANDBOX, self.engine(where))

    def resources(self, state: State) -> list[dict[str, Any]]:
        answer = self.engine(state).query("stack", "export", "--show-secrets", "--stack", STACK)
        assert answer.code == 0, answer.stderr
        return json.loads(answer.stdout)["deployment"].get("resources", [])

    def put(self, state: State, *resources: dict[str, Any]) -> None:
        engine = self.engine(state)
        document = json.loads(engine.query("stack", "export", "--stack", STACK).stdout)
        document["deployment"]["resources"] = list(resources)
        answer = engine.query("stack", "import", "--stack", STACK, stdin=json.dumps(document))
        assert answer.code == 0, answer.stderr

    def bring_up(self, session: Session) -> Result:
        self.before_up(session)
        state = next(state for state in (self.local, self.bucket) if state.folder == session.engine.work_dir)
        self.put(state, resource("modeshift-state", "modeshift-state-1a2b3c4", password=SECRET))
        return Result(STACK, Plan(STACK), Exit.DONE, 0.0, OUTPUTS)

    def run(self) -> Result:
        home = Home(self.program, self.open, Cloud.SANDBOX, lambda outputs, folder: self.bucket)
        return home.bring_up(self.bring_up, console())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    root = tmp_path / "bootstrap"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: modeshift-bootstrap\nruntime: python\n")
    (root / "Pulumi.shared.yaml").write_text("config:\n  aws:region: us-east-1\n  modeshift:repository: acme/app\n")
    desk = Desk(Project(root, tmp_path / "local"))

    def tagged(session: Session, tags: Mapping[str, str], resource_type: str) -> list[str]:
        assert tags == {"modeshift:project": "modeshift-bootstrap", "modeshift:stack": "shared"}
        assert resource_type == "s3:bucket"
        return desk.tagged

    monkeypatch.setattr(program_under_test, "tagged", tagged)
    return desk


def names(resources: list[dict[str, Any]]) -> list[str]:
    return [resource["urn"].rsplit("::", 1)[-1] for resource in resources]


def is_local(desk: Desk) -> bool:
    return (desk.program.local / "bootstrap/state").exists()


def test_first_run_moves_the_state_into_the_bucket_with_its_secrets(desk: Desk) -> None:
    assert desk.run().ok
    assert names(desk.resources(desk.bucket)) == ["modeshift-state"]
    assert desk.resources(desk.bucket)[0]["outputs"]["password"]["plaintext"] == '"hunter2"'
    assert not is_local(desk)
    written = [path.read_bytes() for path in desk.program.local.rglob("*.json")]
    assert written
    assert not [text for text in written if b"hunter2" in text]


def test_later_runs_work_in_the_bucket(desk: Desk) -> None:
    desk.run()
    note = json.loads((desk.program.local / "bootstrap/moved.json").read_text())
    assert note["backend"] == desk.bucket.url
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program_under_test, "bucket_state", lambda outputs, folder: desk.bucket)
        desk.run()
    assert desk.ups[-1] == desk.bucket


def test_the_tracked_files_count_once_they_name_the_bucket(desk: Desk) -> None:
    desk.run()
    with (desk.program.root / "Pulumi.yaml").open("a") as file:
        file.write(f"backend:\n  url: {desk.bucket.url}\n")
    desk.run()
    assert desk.ups[-1] is None


def test_a_failed_run_stays_local_and_the_next_one_moves(desk: Desk) -> None:
    def fails(session: Session) -> None:
        desk.put(desk.local, resource("modeshift-state-key", "key-1"))
        raise KeyboardInterrupt

    desk.before_up = fails
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    assert names(desk.resources(desk.local)) == ["modeshift-state-key"]
    desk.before_up = lambda _: None
    desk.run()
    assert not is_local(desk)


STEPS = ["stack init", "stack import", "replace", "rmtree"]


@pytest.mark.parametrize("step", STEPS)
def test_a_move_cut_off_anywhere_is_finished_by_the_next_run(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _cut_off_at(step, desk, patch)
        with pytest.raises(KeyboardInterrupt):
            desk.run()
        kept = desk.bucket if (desk.program.local / "bootstrap/moved.json").exists() else desk.local
        assert names(desk.resources(kept)) == ["modeshift-state"]
    monkeypatch.setattr(program_under_test, "bucket_state", lambda outputs, folder: desk.bucket)
    assert desk.run().ok
    assert names(desk.resources(desk.bucket)) == ["modeshift-state"]
    assert not is_local(desk)


def _cut_off_at(step: str, desk: Desk, patch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if step == "replace":
        patch.setattr(Path, "replace", _unless(Path.replace, lambda path: "moved" in path.name))
        return
    if step == "rmtree":
        patch.setattr(program_under_test.shutil, "rmtree", interrupted)
        return
    query = Engine.query

    def cut(engine: Engine, *args: str, **options: Any) -> Any:
        if engine.work_dir == desk.bucket.folder and step in " ".join(args):
            raise KeyboardInterrupt
        return query(engine, *args, **options)

    patch.setattr(Engine, "query", cut)


def _unless(method: Callable[..., Any], matches: Callable[[Path], bool]) -> Callable[..., Any]:
    def guarded(path: Path, *args: Any) -> Any:
        if matches(path):
            raise KeyboardInterrupt
        return method(path, *args)

    return guarded


def test_what_was_begun_here_comes_before_what_a_file_names(desk: Desk) -> None:
    ensure_stack(desk.program, STACK, Cloud.SANDBOX, desk.local)
    desk.put(desk.local, resource("modeshift-state-key", "key-1"))
    with (desk.program.root / "Pulumi.yaml").open("a") as file:
        file.write("backend:\n  url: s3://somewhere\n")
    desk.run()
    assert desk.ups == [desk.local]
    assert names(desk.resources(desk.bucket)) == ["modeshift-state"]


def test_an_account_bootstrapped_from_elsewhere_is_not_given_a_second_bucket(desk: Desk) -> None:
    desk.tagged = ["arn:aws:s3:::modeshift-state-7654321"]
    with pytest.raises(UserError, match="bootstrapped already") as refusal:
        desk.run()
    assert "url: s3://modeshift-state-7654321?region=us-east-1" in refusal.value.hint
    assert desk.resources(desk.local) == []


def test_a_newer_state_in_the_bucket_is_never_overwritten(desk: Desk) -> None:
    for state in (desk.local, desk.bucket):
        ensure_stack(desk.program, STACK, Cloud.SANDBOX, state)
    desk.put(desk.local, resource("old", "1"))
    desk.put(desk.bucket, resource("old", "1"), resource("new", "2"))
    with pytest.raises(UserError, match="does not know, such as new"):
        move(STACK, desk.engine(desk.local), desk.engine(desk.bucket), "passphrase")
    assert names(desk.resources(desk.bucket)) == ["old", "new"]


def test_a_copy_that_reads_back_differently_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for state in (desk.local, desk.bucket):
        ensure_stack(desk.program, STACK, Cloud.SANDBOX, state)
    desk.put(desk.local, resource("one", "1"))
    query = Engine.query

    def loses(engine: Engine, *args: str, **options: Any) -> Any:
        if "import" in args:
            options["stdin"] = options["stdin"].replace('"id": "1"', '"id": "other"')
        return query(engine, *args, **options)

    monkeypatch.setattr(Engine, "query", loses)
    with pytest.raises(UserError, match="not the same"):
        move(STACK, desk.engine(desk.local), desk.engine(desk.bucket), "passphrase")


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key service that encrypts by turning bytes round; yields the secrets provider that uses it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            verb = self.headers["X-Amz-Target"].rsplit(".", 1)[-1]
            given = base64.b64decode(asked["Plaintext" if verb == "Encrypt" else "CiphertextBlob"])
            turned = base64.b64encode(given[::-1]).decode()
            answer = {"KeyId": KEY, "CiphertextBlob" if verb == "Encrypt" else "Plaintext": turned}
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield f"awskms:///{KEY}?region=us-east-1"
        server.shutdown()
        thread.join()


def test_secrets_are_encrypted_with_the_key_once_they_are_in_the_bucket(desk: Desk, kms: str) -> None:
    desk.secrets_provider = kms
    assert desk.run().ok
    state = desk.bucket.local_file(desk.program, STACK)
    assert state is not None
    latest = json.loads(state.read_text())["checkpoint"]["latest"]
    assert latest["secrets_providers"]["type"] == "cloud"
    assert latest["secrets_providers"]["state"]["url"] == kms
    assert "plaintext" not in json.dumps(latest)
    assert desk.resources(desk.bucket)[0]["outputs"]["password"]["plaintext"] == '"hunter2"'

    shutil.rmtree(desk.bucket.folder)  # a fresh clone has no copies of the stack files
    ensure_stack(desk.program, STACK, Cloud.SANDBOX, desk.bucket)
    copy = yaml.safe_load(desk.bucket.stack_file(STACK).read_text())
    assert copy["secretsprovider"] == kms
    assert copy["encryptedkey"] == latest["secrets_providers"]["state"]["encryptedkey"]


def test_next_steps_name_every_line_to_paste() -> None:
    outputs = {
        **OUTPUTS,
        "registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift-1a2b3c4",
        "region": "us-east-1",
        "previewRole": "arn:preview",
        "publishRole": "arn:publish",
        "deployRoles": {"prod": "arn:prod", "dev": "arn:dev"},
    }
    lines = [line for _, block in next_steps(outputs) for line in block]
    assert "  url: s3://bucket?region=us-east-1" in lines
    assert "secretsprovider: awskms:///key?region=us-east-1" in lines
    assert any("--platform linux/arm64,linux/amd64" in line and "--push" in line for line in lines)
    assert any(line.startswith("modeshift:image: 123456789012.dkr") and "@sha256:" in line for line in lines)
    assert "gh variable set AWS_DEPLOY_ROLE --env dev --body arn:dev" in lines
    assert "gh variable set AWS_PUBLISH_ROLE --body arn:publish" in lines
    assert f"gh variable set AWS_REGISTRY --body {outputs['registry']}" in lines


def aws_project(tmp_path: Path, url: str, stack_file: str) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    backend = f"backend:\n  url: {url}\n" if url else ""
    (root / "Pulumi.yaml").write_text(f"name: modeshift\nruntime: python\n{backend}")
    (root / "Pulumi.dev.yaml").write_text(stack_file)
    return Project(root, tmp_path / "local")


@pytest.fixture
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in anywhere, and no AWS profile is set."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")


@pytest.mark.usefixtures("_nobody")
def test_aws_uses_the_backend_and_the_secrets_provider_of_the_tracked_files(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    project = aws_project(tmp_path, f"file://{tmp_path}/backend", "secretsprovider: passphrase\nconfig: {}\n")
    ensure_stack(project, "dev", Cloud.AWS)
    assert (tmp_path / "backend/.pulumi/stacks/modeshift/dev.json").is_file()
    ensure_stack(project, "dev", Cloud.AWS)
    assert exists(Engine(pulumi_binary(), project.root, environment(project, "dev", Cloud.AWS, 0)), "dev")


@pytest.mark.usefixtures("_nobody")
def test_aws_takes_the_secrets_provider_of_the_other_stacks_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backend").mkdir()
    project = aws_project(tmp_path, f"file://{tmp_path}/backend", "config: {}\n")
    (project.root / "Pulumi.prod.yaml").write_text("secretsprovider: passphrase\n")
    chosen: list[str] = []
    monkeypatch.setattr(cloud_module, "init_stack", lambda engine, stack, provider, place: chosen.append(provider))
    ensure_stack(project, "dev", Cloud.AWS)
    assert chosen == ["passphrase"]


@pytest.mark.usefixtures("_nobody")
@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("", "No backend is named", "modeshift bootstrap"),
        ("s3://bucket?region=us-east-1", "without credentials", "AWS_PROFILE"),
        ("file://{tmp}", "what shall encrypt its secrets", "pulumi stack init dev --secrets-provider"),
    ],
)
def test_aws_says_in_a_sentence_what_is_missing(tmp_path: Path, url: str, message: str, hint: str) -> None:
    project = aws_project(tmp_path, url.format(tmp=tmp_path), "config: {}\n")
    with pytest.raises(UserError, match=message) as refusal:
        ensure_stack(project, "dev", Cloud.AWS)
    assert hint in refusal.value.hint
