"""Migrations stop a release when they fail, say why without a secret, and bear a role or database made just now."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from botocore.exceptions import ClientError

import app.migrate
import app.services
from app.core import secrets, service
from app.core.secrets import SecretsError
from app.core.settings import SettingsError
from app.migrate import MigrationFailed, lambda_handler, migrate

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = '''
"""Keeps books."""

from collections.abc import Mapping

SEEN = []


def step(environ: Mapping[str, str]) -> None:
    pass


def migrate(environ: Mapping[str, str]) -> None:
    SEEN.append(dict(environ))
    step(environ)
'''
SECRETS = json.dumps({"TOKEN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:api-a1b2c3:token::"})


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Make `books` a service that migrates; yields its module."""
    (tmp_path / "books").mkdir()
    (tmp_path / "books/__init__.py").write_text(CODE)
    (tmp_path / "books/service.toml").write_text('title = "Books"\nsummary = "Books."\nroute = "/books"\n')
    (tmp_path / "netprobe").symlink_to(REPOSITORY / "app/services/netprobe")
    monkeypatch.setattr(service, "_FOLDERS", tmp_path)
    monkeypatch.setattr(app.services, "__path__", [*app.services.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield importlib.import_module("app.services.books")
    del sys.modules["app.services.books"]


def failing(error: Callable[[], BaseException], times: int = 1_000_000) -> Callable[[object], None]:
    left = [times]

    def step(_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise error()

    return step


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "not yet"}}, "GetSecretValue")


def wrapped() -> SecretsError:
    error = SecretsError("the secret cannot be read")
    error.__cause__ = refused("AccessDeniedException")
    return error


class StartingUpError(Exception):
    sqlstate = "57P03"


def run(**environ: str) -> tuple[str, list[float]]:
    pauses: list[float] = []
    return migrate({"SERVICES": "books=/books", **environ}, pauses.append), pauses


def test_it_runs_once_with_the_environment(books: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICES", "books=/books")
    monkeypatch.setenv("DATABASE_URL", "postgresql://h:5432/b")
    assert lambda_handler({}, None) == {"migrated": "books"}
    (seen,) = books.SEEN
    assert seen["DATABASE_URL"] == "postgresql://h:5432/b"


def test_secrets_are_there_when_it_begins(books: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "load", lambda environ: environ.update(TOKEN="hunter2"))
    run(MODESHIFT_SECRETS=SECRETS)
    assert books.SEEN[0]["TOKEN"] == "hunter2"


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError, TimeoutError, wrapped, lambda: refused("AccessDenied"), StartingUpError],
)
def test_what_a_new_database_or_role_does_is_waited_out(books: ModuleType, error: Callable[[], BaseException]) -> None:
    books.step = failing(error, 3)
    assert run() == ("books", [5, 5, 5])


def test_it_does_not_wait_for_ever(books: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.migrate, "PATIENCE", -1)
    books.step = failing(lambda: ConnectionRefusedError("nobody listens"))
    with pytest.raises(MigrationFailed, match="books failed, the release stops here: ConnectionRefusedError: nobody"):
        run()


def test_what_is_wrong_is_not_tried_again(books: ModuleType) -> None:
    books.step = failing(lambda: RuntimeError("no such column"))
    with pytest.raises(MigrationFailed, match="RuntimeError: no such column"):
        run()
    assert len(books.SEEN) == 1


def test_no_secret_is_told(
    books: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(secrets, "load", lambda environ: environ.update(TOKEN="hunter2"))
    books.step = failing(lambda: RuntimeError("hunter2 at postgresql://app:s3cret@h/b"))
    with pytest.raises(MigrationFailed) as raised:
        run(MODESHIFT_SECRETS=SECRETS)
    assert str(raised.value).endswith("RuntimeError: … at postgresql://app:…@h/b")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "in step" in told, "where it went wrong is in the log"
    assert "hunter2" not in told
    assert "s3cret" not in told


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("services", "said"),
    [
        ("", "name one service here; there are: books, netprobe"),
        ("books,netprobe", "name one service here"),
        ("book", "SERVICES='book'"),
        ("netprobe", "netprobe has no migrate"),
    ],
)
def test_what_cannot_migrate_is_said(services: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        run(SERVICES=services)


def test_the_command_tells_by_its_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.migrate"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "SERVICES": "netprobe"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "netprobe has no migrate(environ): there is nothing to run before a release.\n"
