"""`modeshift bootstrap`: bring up what all stacks share, and let its own state live in the bucket that it makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from rich.console import Console

from automation import checkpoint
from automation.cloud import Cloud, Session, ensure_stack, open_session, own_state, state_engine
from automation.errors import Exit, UserError
from automation.operations import Result
from automation.project import Project
from automation.relocation import is_empty, move
from automation.state import State
from automation.tagged import tagged
from stacks.bootstrap_settings import load_bootstrap

STACK = "shared"
_FOLDER = "bootstrap"
_PLATFORMS = "linux/arm64,linux/amd64"

BringUp = Callable[[Session], Result]


def bootstrap_program(project: Project) -> Project:
    """Return the bootstrap program of a project, once its settings are valid.

    Raises:
        UserError: the project has none.
        SettingsError: its settings cannot be used.
    """
    root = project.root / _FOLDER
    if not (root / "Pulumi.yaml").is_file():
        raise UserError(
            f"There is no {_FOLDER}/Pulumi.yaml in {project.root}.", hint="Run this in the project's folder."
        )
    program = Project(root, project.local)
    program.stack_file(STACK)
    load_bootstrap(root, STACK)
    return program


def bootstrap(program: Project, cloud: Cloud, bring_up: BringUp, console: Console) -> Result:
    """Bring up what all stacks share.

    Where the cloud has no place for state by itself, the first run keeps it in the project's ignored folder and moves
    it into the bucket that it has made. A run that was cut off is finished by the next one, wherever it stopped.

    Raises:
        UserError: the account has been bootstrapped from elsewhere, or the state cannot be moved.
    """
    own = own_state(program, cloud)
    if own is None:
        home = Home(program, lambda state: open_session(program, STACK, cloud, state, runs=False), cloud)
        return home.bring_up(bring_up, console)
    # What a cloud adds to the settings of stacks is nothing to this program.
    with open_session(program, STACK, cloud, replace(own, settings={}), runs=False) as session:
        return bring_up(session)


def bucket_state(outputs: Mapping[str, object], folder: Path) -> State:
    """Return the place in the bucket that a bootstrap made."""
    return State(str(outputs["backend"]), folder, str(outputs["secretsProvider"]))


@dataclass(frozen=True)
class Home:
    """Where the bootstrap's own state lives: in a local folder until it has a bucket, there from then on.

    `open` starts a session at a state; None stands for where the tracked files say.
    """

    program: Project
    open: Callable[[State | None], AbstractContextManager[Session]]
    cloud: Cloud
    destination: Callable[[Mapping[str, object], Path], State] = bucket_state

    def bring_up(self, bring_up: BringUp, console: Console) -> Result:
        """Bring the program up where its state is, and see to it that the state ends up in the bucket."""
        moved, local = self._moved(), self._local
        if moved is not None:
            shutil.rmtree(self._local_folder, ignore_errors=True)
        # What was begun here and never moved comes before anything that a file names.
        if self._holds_something(local) or not (moved or self._is_named()):
            with self.open(local) as session:
                self._refuse_second(session)
                result = bring_up(session)
            if result.ok:
                self._move(local, self.destination(result.outputs, self._folder / "config" / "bucket"), console)
            return result
        with self.open(None if self._is_named() else moved) as session:
            self._refuse_second(session)
            return bring_up(session)

    def _move(self, local: State, bucket: State, console: Console) -> None:
        console.print(f"Moving the state of the shared resources to {bucket.url}.")
        ensure_stack(self.program, STACK, self.cloud, bucket)
        move(
            STACK,
            state_engine(self.program, STACK, self.cloud, local),
            state_engine(self.program, STACK, self.cloud, bucket),
            bucket.secrets_provider,
        )
        # From here on the bucket counts; the folder is only what is left to tidy up.
        note = self._note.with_suffix(".tmp")
        note.write_text(json.dumps({"backend": bucket.url, "secretsProvider": bucket.secrets_provider}))
        note.replace(self._note)
        shutil.rmtree(self._local_folder)
        console.print("The state was read back from there and is the same; the local copy is gone.")

    def _refuse_second(self, session: Session) -> None:
        """Refuse to make everything twice when this account has it, but nobody here knows.

        Raises:
            UserError: there is a state bucket that this state does not know.
        """
        if not is_empty(session.engine, STACK):
            return
        tags = {"modeshift:project": self.program.name, "modeshift:stack": STACK}
        buckets = tagged(session, tags, "s3:bucket")
        if buckets:
            name = buckets[0].rsplit(":", 1)[-1]
            region = load_bootstrap(self.program.root, STACK).region
            raise UserError(
                f"This account has been bootstrapped already: it has the state bucket {name}.",
                hint=f"Put this into {_FOLDER}/Pulumi.yaml and run the command again:\n{_backend(name, region)}",
                code=Exit.FAILED,
            )

    def _holds_something(self, local: State) -> bool:
        """Tell whether the local state knows of anything, made or half made."""
        path = local.local_file(self.program, STACK)
        if path is None or not path.is_file():
            return False
        latest = checkpoint.read(path)
        return bool(latest.get("resources") or latest.get("pending_operations"))

    def _is_named(self) -> bool:
        document = yaml.safe_load((self.program.root / "Pulumi.yaml").read_text())
        return bool((document.get("backend") or {}).get("url"))

    def _moved(self) -> State | None:
        """Return where an earlier run has moved the state to."""
        if not self._note.is_file():
            return None
        return bucket_state(json.loads(self._note.read_text()), self._folder / "config" / "bucket")

    @property
    def _local(self) -> State:
        return State(f"file://{self._local_folder}", self._folder / "config" / "local")

    @property
    def _folder(self) -> Path:
        return self.program.local / _FOLDER

    @property
    def _local_folder(self) -> Path:
        return self._folder / "state"

    @property
    def _note(self) -> Path:
        return self._folder / "moved.json"


def next_steps(outputs: Mapping[str, object]) -> Sequence[tuple[str, Sequence[str]]]:
    """Return what a person does next: what to do, and the lines to paste."""
    registry, region = str(outputs["registry"]), str(outputs["region"])
    host = registry.split("/", maxsplit=1)[0]
    roles = outputs["deployRoles"]
    assert isinstance(roles, Mapping)
    return [
        (
            "Into Pulumi.yaml and bootstrap/Pulumi.yaml, so that everybody uses the bucket:",
            ["backend:", f"  url: {outputs['backend']}"],
        ),
        (
            "Into every Pulumi.<stack>.yaml and bootstrap/Pulumi.shared.yaml, beside config:, to encrypt secrets:",
            [f"secretsprovider: {outputs['secretsProvider']}"],
        ),
        (
            "Build an image for both architectures, push it under its commit, and print its digest:",
            [
                f"aws ecr get-login-password --region {region} | docker login -u AWS --password-stdin {host}",
                f"IMAGE={registry}:$(git rev-parse HEAD)",
                f"docker buildx build --platform {_PLATFORMS} --build-arg COMMIT=${{IMAGE##*:}} --tag $IMAGE --push .",
                "docker buildx imagetools inspect $IMAGE --format '{{.Manifest.Digest}}'",
            ],
        ),
        (
            "Into Pulumi.<stack>.yaml, under config:, with that digest; the same line promotes it to the next stack:",
            [f"modeshift:image: {registry}@sha256:…"],
        ),
        (
            "For GitHub Actions, once each environment exists in the repository's settings:",
            [
                f"gh variable set AWS_REGION --body {region}",
                f"gh variable set AWS_REGISTRY --body {registry}",
                f"gh variable set AWS_PREVIEW_ROLE --body {outputs['previewRole']}",
                f"gh variable set AWS_PUBLISH_ROLE --body {outputs['publishRole']}",
                *(
                    f"gh variable set AWS_DEPLOY_ROLE --env {name} --body {role}"
                    for name, role in sorted(roles.items())
                ),
            ],
        ),
    ]


def _backend(bucket: str, region: str) -> str:
    return f"backend:\n  url: s3://{bucket}?region={region}"
