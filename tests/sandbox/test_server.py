"""The server's process: ready with one line, gone with its parent, plain about what it cannot do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2

from sandbox.control import faults, wire
from sandbox.control.account import Account
from sandbox.control.errors import AccountError
from sandbox.control.faults import Rule
from sandbox.control.protos import provider_pb2, provider_pb2_grpc
from sandbox.server import running

ROOT = Path(__file__).parents[2]
URN = "urn:pulumi:dev::shop::aws:sqs/queue:Queue::jobs"
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:aws::default"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "account"


@contextmanager
def attached(port: int) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        args = wire.write({"region": "us-east-1"})
        stub.Configure(provider_pb2.ConfigureRequest(urn=PROVIDER, type="pulumi:providers:aws", args=args))
        yield stub


def create(stub: provider_pb2_grpc.ResourceProviderStub, kind: str = "aws:sqs/queue:Queue") -> str:
    urn = URN.replace("aws:sqs/queue:Queue", kind)
    checked = stub.Check(provider_pb2.CheckRequest(urn=urn, news=wire.write({}), randomSeed=b"x"))
    return str(stub.Create(provider_pb2.CreateRequest(urn=urn, properties=checked.inputs)).id)


def test_it_serves_and_ends_with_the_block(folder: Path) -> None:
    with running(folder) as port, attached(port) as stub:
        assert stub.GetPluginInfo(empty_pb2.Empty()).version
        assert create(stub).endswith("/123456789012/jobs-2d71164")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError):
        provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty(), timeout=1)
    account = Account(folder)
    assert account.summary() == {"aws:sqs/queue:Queue": 1}
    account.close()


def test_a_refusal_reaches_the_engine_as_its_words(folder: Path) -> None:
    with running(folder) as port, attached(port) as stub, pytest.raises(grpc.RpcError) as refusal:
        create(stub, "aws:foo/bar:Baz")
    assert isinstance(refusal.value, grpc.Call)
    assert refusal.value.code() == grpc.StatusCode.UNKNOWN
    assert "does not provide the resource type aws:foo/bar:Baz" in str(refusal.value.details())


def test_what_was_made_in_spite_of_an_error_is_told_in_the_details(folder: Path) -> None:
    account = Account(folder)
    faults.add(account, Rule("*", "create", "fail-after", message="broken"))
    account.close()
    with running(folder) as port, attached(port) as stub, pytest.raises(grpc.RpcError) as failure:
        create(stub)
    assert isinstance(failure.value, grpc.Call)
    details = dict(failure.value.trailing_metadata() or ())["grpc-status-details-bin"]
    assert b"pulumirpc.ErrorResourceInitFailed" in details


def test_a_provider_that_dies_has_done_its_work_or_not(folder: Path) -> None:
    account = Account(folder)
    faults.add(account, Rule("*", "create", "exit"))
    faults.add(account, Rule("*", "create", "exit-after", nth=2))
    for made in (0, 1):
        with running(folder) as port, attached(port) as stub, pytest.raises(grpc.RpcError) as failure:
            create(stub)
        assert isinstance(failure.value, grpc.Call)
        assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
        assert sum(account.summary().values()) == made
    account.close()


def test_an_unusable_account_is_said_at_once(folder: Path) -> None:
    folder.mkdir()
    (folder / "account.sqlite").write_text("dear diary")
    words = r"^The sandbox account .* is no database\. .*modeshift sandbox reset"
    with pytest.raises(AccountError, match=words), running(folder):
        pass


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox.server", "--account", str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_it_ends_on_request(folder: Path) -> None:
    with start(folder) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["port"] > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_it_ends_with_its_parent(folder: Path) -> None:
    with start(folder, "--until-stdin-closes") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_kill_loses_nothing_that_was_answered(folder: Path) -> None:
    with start(folder) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with attached(port) as stub:
            create(stub)
        process.kill()
        process.wait(timeout=10)
    account = Account(folder)
    assert sum(account.summary().values()) == 1
    account.close()


def test_the_sdk_is_not_loaded_to_serve() -> None:
    code = "import sys, sandbox.control.provider as p; sys.exit('pulumi' in sys.modules or 'pulumi_aws' in sys.modules)"
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    assert time.monotonic() - started < 10
