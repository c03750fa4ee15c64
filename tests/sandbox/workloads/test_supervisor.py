"""What runs an account's workloads: found again, ended whole, started again at the same addresses."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sandbox.address import CONTROL, Address
from sandbox.control.account import Account
from sandbox.control.facts import Catalog
from sandbox.control.provider import Provider
from sandbox.data import client as data
from sandbox.workloads import client
from tests.sandbox.conftest import Cloud
from tests.sandbox.data.conftest import eventually

pytestmark = pytest.mark.e2e

_API = "aws:apigatewayv2/api:Api"
_STAGE = "aws:apigatewayv2/stage:Stage"


@dataclass
class Place:
    """An account with an HTTP API that has no routes, and what runs for it."""

    folder: Path
    cloud: Cloud

    def start(self) -> Address:
        return client.start(self.folder, Path.cwd())

    @property
    def url(self) -> str:
        return self.described["urls"]["dev"]

    @property
    def described(self) -> dict[str, Any]:
        found = client.describe(self.folder)
        assert found is not None
        return found

    def answers(self) -> httpx.Response:
        return httpx.get(f"{self.url}/anything", timeout=30)

    def processes(self) -> list[psutil.Process]:
        return [one for one in psutil.process_iter(["cmdline"]) if str(self.folder) in str(one.info["cmdline"])]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "account"
    cloud = Cloud(Provider(Account(folder), Catalog())).configure()
    api = cloud.create(_API, "dev-front-door", protocolType="HTTP")
    cloud.create(_STAGE, "dev-front-door", apiId=api.id, name="$default", autoDeploy=True)
    made = Place(folder, cloud)
    yield made
    client.stop(folder)
    data.stop(folder)
    assert eventually(lambda: not made.processes())


def test_it_runs_once_and_keeps_its_addresses(place: Place) -> None:
    first = place.start()
    assert place.start() == first
    url = place.url
    answer = place.answers()
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})

    assert client.stop(place.folder)
    assert client.running(place.folder) is None
    assert client.describe(place.folder) is None
    assert not client.stop(place.folder)

    place.start()
    assert place.url == url


def test_a_killed_one_is_started_again_at_the_same_addresses(place: Place) -> None:
    first = place.start()
    url = place.url
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: client.running(place.folder) is None)
    assert place.start().pid != first.pid
    assert place.url == url
    assert place.answers().status_code == 404


def test_a_port_that_others_took_is_left_to_them(place: Place) -> None:
    place.start()
    former = place.url
    client.stop(place.folder)
    with socket.create_server(("127.0.0.1", int(former.rpartition(":")[2]))):
        place.start()
        assert place.url != former
        assert place.answers().status_code == 404


def test_commands_need_the_word_of_the_owner(place: Place) -> None:
    known = place.start()
    connection = http.client.HTTPConnection("127.0.0.1", known.port, timeout=30)
    for token in ("", "guessed"):
        connection.request("POST", CONTROL + "stop", headers={"x-sandbox-token": token})
        answer = connection.getresponse()
        assert (answer.status, list(json.loads(answer.read()))) == (403, ["problem"])
    connection.close()
    assert client.running(place.folder) == known
    assert (place.folder / "workloads" / "address.json").stat().st_mode & 0o777 == 0o600


def test_it_follows_the_account_and_ends_with_the_last_that_it_runs(place: Place) -> None:
    place.start()
    second = place.cloud.create(_API, "other-front-door", protocolType="HTTP")
    stage = place.cloud.create(_STAGE, "other-front-door", apiId=second.id, name="$default", autoDeploy=True)
    assert eventually(lambda: "other-front-door" in str(place.described["managers"]["fronts"]))
    place.cloud.delete(stage)
    place.cloud.delete(second)
    answer = client.changed(place.folder)
    assert answer == {"ends": False}
    assert "other-front-door" not in str(place.described["managers"]["fronts"])

    account = Account(place.folder)
    for resource in reversed(account.list_resources()):
        account.forget(resource.urn)
    account.close()
    assert client.changed(place.folder) == {"ends": True}
    assert client.running(place.folder) is None


def test_it_ends_when_its_account_is_deleted(place: Place) -> None:
    known = place.start()
    for file in place.folder.glob("account.sqlite*"):
        file.unlink()
    assert eventually(lambda: not psutil.pid_exists(known.pid) or psutil.Process(known.pid).status() == "zombie")
