"""Calls about what runs reach what runs, and what people said of targets comes before what was measured."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.address import CONTROL, Address
from sandbox.control import signals
from sandbox.control.account import Account, Entry
from sandbox.control.endpoint import endpoint

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/dev-users/0123456789abcdef"
HEALTHY = (
    '<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">'
    "<DescribeTargetHealthResult><TargetHealthDescriptions><member><Target><Id>10.0.1.17</Id></Target>"
    "<TargetHealth><State>healthy</State></TargetHealth></member></TargetHealthDescriptions>"
    "</DescribeTargetHealthResult></DescribeTargetHealthResponse>"
)


class Running:
    """A stand-in for what runs an account: it notes what it is asked."""

    def __init__(self, account: Path) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.startswith(CONTROL):
                    self.send(200, "{}")
                    return
                asked.append((self.command, self.path, body))
                if b"DescribeTargetHealth" in body:
                    self.send(200, HEALTHY, ("Content-Type", "text/xml"))
                elif self.path.endswith("/concurrency"):
                    self.send(200, json.dumps({"ReservedConcurrentExecutions": 5}))
                elif self.path.endswith("/configuration"):
                    said = {"__type": "ResourceNotFoundException", "message": "Function not found"}
                    self.send(404, json.dumps(said), ("x-amzn-errortype", "ResourceNotFoundException"))
                else:
                    self.send(404, json.dumps({"problem": "unknown"}))

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 names of the base class

            def send(self, status: int, text: str, *headers: tuple[str, str]) -> None:
                self.send_response(status)
                for name, value in (*headers, ("Content-Length", str(len(text)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        (account / "workloads").mkdir()
        Address(os.getpid(), self.server.server_port, "word").write(account / "workloads")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path)
    with account.transaction() as transaction:
        kind = "aws:lb/targetGroup:TargetGroup"
        outputs: Any = {"arn": GROUP, "targetType": "ip"}
        transaction.add(
            Entry(kind, "us-east-1", "dev-users", "dev-users", f"urn::{kind}::dev-users", outputs, outputs, [])
        )
    yield account
    account.close()


@pytest.fixture
def running(account: Account, tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def client(account: Account) -> Iterator[Any]:
    server = endpoint(account)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    options: dict[str, Any] = {
        "region_name": "us-east-1",
        "endpoint_url": f"http://127.0.0.1:{server.server_port}",
        "aws_access_key_id": "a",
        "aws_secret_access_key": "b",
        "config": Config(retries={"total_max_attempts": 1}),
    }
    yield lambda service: boto3.client(service, **options)
    server.shutdown()
    server.server_close()


def health(client: Any) -> str:
    [one] = client("elbv2").describe_target_health(TargetGroupArn=GROUP)["TargetHealthDescriptions"]
    return f"{one['Target']['Id']} {one['TargetHealth']['State']}"


def test_what_is_measured_counts_until_somebody_says_otherwise(account: Account, running: Running, client: Any) -> None:
    assert health(client) == "10.0.1.17 healthy"
    signals.say_health(account, "dev-users", "unhealthy")
    assert health(client) == "of the sandbox unhealthy"
    assert len(running.asked) == 1


def test_calls_that_write_are_handed_on_whole(running: Running, client: Any) -> None:
    functions = client("lambda")
    functions.put_function_concurrency(FunctionName="dev-probe", ReservedConcurrentExecutions=5)
    [(method, path, body)] = running.asked
    assert (method, path) == ("PUT", "/2017-10-31/functions/dev-probe/concurrency")
    assert json.loads(body) == {"ReservedConcurrentExecutions": 5}


def test_an_error_of_aws_is_told_from_a_call_that_nobody_knows(running: Running, client: Any) -> None:
    with pytest.raises(ClientError) as error:
        client("lambda").get_function_configuration(FunctionName="gone")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError, match="does not answer"):
        client("ecs").list_clusters()


@pytest.mark.usefixtures("account")
def test_while_nothing_runs_rules_answer_and_other_calls_are_refused(client: Any) -> None:
    assert health(client) == "of the sandbox healthy"
    with pytest.raises(ClientError, match="only while it runs"):
        client("ecs").describe_services(cluster="c", services=["s"])
