"""Who logs in to the database, how its certificate is checked, and what happens when the password is another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app.core.settings import SettingsError
from app.factory import create_app
from sandbox.data.tls import make_certificate
from tests.app.granted import recorded
from tests.app.users.conftest import Answer, Ask
from tests.app.users.test_database import connections, is_away
from tests.postgres import OWNER, Postgres

pytestmark = pytest.mark.e2e


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, postgres: Postgres) -> Iterator[Callable[[str], str]]:
    """Run Secrets Manager; returns how to put a password into a secret, whose ARN that returns."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("secretsmanager", region_name="eu-central-1")

    def put(password: str) -> str:
        value = json.dumps({"username": OWNER, "password": password})
        if client.list_secrets()["SecretList"]:
            return client.put_secret_value(SecretId="rds!db-1", SecretString=value)["ARN"]
        return client.create_secret(Name="rds!db-1", SecretString=value)["ARN"]

    yield put
    server.stop()


@pytest.fixture
def password(postgres: Postgres) -> Iterator[Callable[[str], None]]:
    """Return how to give the owner another password, for as long as the test lasts."""

    def change(text: str) -> None:
        postgres.cluster.execute(f"ALTER ROLE {OWNER} PASSWORD '{text}'")

    yield change
    change(postgres.password)


def test_nothing_of_aws_is_called_but_for_the_login(
    start: Any, environ: dict[str, str], postgres: Postgres, database: str, secret: Callable[[str], str]
) -> None:
    by_secret = {"DATABASE_URL": postgres.url(database, login=False), "DATABASE_SECRET": secret(postgres.password)}
    with recorded() as called:
        ask: Ask = start("container", environ | by_secret)[0]
        assert ask("GET", "/users").status == 200
    assert called == {"secretsmanager:GetSecretValue"}


@pytest.mark.parametrize("kind", ["container", "function"])
def test_a_password_may_change_under_a_running_app(
    *,
    kind: str,
    start: Any,
    environ: dict[str, str],
    postgres: Postgres,
    database: str,
    secret: Callable[[str], str],
    password: Callable[[str], None],
) -> None:
    by_secret = {"DATABASE_URL": postgres.url(database, login=False), "DATABASE_SECRET": secret(postgres.password)}
    ask: Ask = start(kind, environ | by_secret)[0]

    def anew() -> Answer:
        """Ask by a new connection."""
        for pid in connections(postgres, database):
            postgres.cluster.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        return ask("GET", "/users")

    assert ask("GET", "/users").status == 200
    password("second")
    assert ask("GET", "/users").status == 200, "who is logged in stays"
    assert is_away(anew()), "the secret is not yet what the server knows"
    secret("second")
    assert anew().status == 200
    secret("third")
    assert anew().status == 200, "no secret is read while the login holds"
    password("third")
    assert anew().status == 200


@pytest.mark.parametrize("value", ["not json", "[]", '{"username": "owner"}'])
def test_a_secret_that_is_no_login_is_named_and_not_shown(
    *, start: Any, environ: dict[str, str], postgres: Postgres, database: str, secret: Any, value: str, caplog: Any
) -> None:
    arn = secret(postgres.password)
    boto3.client("secretsmanager", region_name="eu-central-1").put_secret_value(SecretId=arn, SecretString=value)
    ask = start("container", environ | {"DATABASE_URL": postgres.url(database, login=False), "DATABASE_SECRET": arn})[0]
    caplog.set_level("WARNING", "app.core.database")
    assert is_away(ask("GET", "/users"))
    assert f"({arn}) is no JSON with `username` and `password`" in caplog.text
    assert value not in caplog.text


def test_a_connection_is_encrypted_and_the_server_is_who_it_says(
    *, start: Any, environ: dict[str, str], postgres: Postgres, database: str, tls: tuple[int, Path], tmp_path: Path
) -> None:
    port, authorities = tls
    other = tmp_path / "other"
    make_certificate(other, "localhost")

    def answer(mode: str, ca: Path | str = "") -> Answer:
        url = postgres.url(database, host="localhost", port=port, tls=mode)
        return start("container", environ | {"DATABASE_URL": url, "DATABASE_CA_FILE": str(ca)})[0]("GET", "/users")

    assert answer("require").status == 200
    assert answer("verify-full", ca=authorities).status == 200
    assert answer("require", ca=authorities).status == 200
    assert is_away(answer("disable"))
    assert is_away(answer("verify-full", ca=other))
    assert is_away(answer("require", ca=other)), "a file of authorities is there to be used"


ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "DATABASE_URL="),
        ({"DATABASE_URL": "x://hidden@h/d"}, "expected postgresql://HOST:PORT/NAME?sslmode=require"),
        ({"DATABASE_URL": "postgresql://u:hidden@h"}, "expected postgresql://"),
        ({"DATABASE_URL": "postgresql://u:hidden@h:x/d"}, "expected postgresql://"),
        ({"DATABASE_URL": "postgresql://u:hidden@h/d?sslmode=prefer"}, "sslmode must be require"),
        ({"DATABASE_URL": "postgresql://u:hidden@h/d?options=-c"}, "options cannot be set by the URL"),
        ({"DATABASE_URL": "postgresql://u:hidden@h/d?sslmode=verify-full"}, "set DATABASE_CA_FILE"),
        ({"DATABASE_URL": "postgresql://u:hidden@h/d", "DATABASE_CA_FILE": "/none"}, "there is no such file"),
        ({"DATABASE_URL": "postgresql://h/d"}, "nothing says who logs in"),
        ({"DATABASE_URL": "postgresql://u:hidden@h/d", "DATABASE_SECRET": ARN}, "only one of them can say who"),
        ({"DATABASE_URL": "postgresql://h/d", "DATABASE_SECRET": "hidden"}, "DATABASE_SECRET="),
        ({"DATABASE_URL": "postgresql://u:hidden@h/d", "DATABASE_POOL": "0"}, "DATABASE_POOL='0'"),
    ],
)
def test_a_wrong_environment_is_refused_at_start_without_its_password(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        create_app({"SERVICES": "users=/users", **environ})
    assert said in str(raised.value)
    assert "hidden" not in str(raised.value) or "DATABASE_SECRET='hidden'" in str(raised.value)


def test_what_comes_with_the_secrets_is_looked_at_then() -> None:
    references = json.dumps({"DATABASE_URL": f"{ARN}:url::"})
    create_app({"SERVICES": "users=/users", "MODESHIFT_SECRETS": references})
