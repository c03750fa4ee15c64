"""What the analyzer says when AWS does not do what it is asked, and that it asks for no more than it was granted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest

from app.core.settings import SettingsError
from tests.app.cloud import Cloud
from tests.app.contracts.conftest import LONG, SHORT, Start
from tests.app.contracts.test_analyze import ANALYZE, job
from tests.app.contracts.test_consumers import change, tick, upload
from tests.app.contracts.test_consumers import message as message_of
from tests.app.granted import differences, granted, recorded

PROBLEM = "application/problem+json"


@contextmanager
def refusing(code: str) -> Iterator[str]:
    """Answer every request as DynamoDB does when it refuses one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}", "message": "of arn:aws:iam::1:x"}}'.encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredTokenException", "AWS does not accept its credentials (ExpiredTokenException). Give it a role"),
        ("UnrecognizedClientException", "AWS does not accept its credentials"),
        ("AccessDeniedException", "its role does not allow it (AccessDeniedException). Its manifest"),
        ("ResourceNotFoundException", "AWS answers ResourceNotFoundException."),
    ],
)
def test_what_aws_refuses_is_a_problem_that_says_why(
    start: Start, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    with refusing(code) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        answer = start().ask("POST", ANALYZE, {"source": SHORT})
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["detail"].startswith("This service cannot do dynamodb:get_item at the moment: ")
    assert said in answer.json()["detail"]
    assert "arn:" not in answer.text


def test_without_credentials_it_says_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    answer = start().ask("POST", ANALYZE, {"source": SHORT})
    assert answer.status_code == 503
    assert "it has no credentials of AWS." in answer.json()["detail"]


def test_a_queue_that_takes_nothing_leaves_no_job_behind(start: Start, cloud: Cloud) -> None:
    service = start(JOBS_QUEUE=f"{cloud.endpoint}/123456789012/gone")
    answer = service.ask("POST", ANALYZE, {"source": LONG})
    assert answer.status_code == 503
    assert "sqs:send_message" in answer.json()["detail"]
    assert cloud.items("work") == []


def test_a_queue_that_nobody_named_is_said(start: Start) -> None:
    answer = start(JOBS_QUEUE="").ask("POST", ANALYZE, {"source": LONG})
    assert answer.status_code == 503
    assert "JOBS_QUEUE" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["RESULTS_TABLE", "WORK_TABLE"])
def test_a_table_that_nobody_named_is_said_at_start(start: Start, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is not set"):
        start(**{name: ""})


def test_the_manifest_grants_what_the_code_calls_and_nothing_else(start: Start, cloud: Cloud) -> None:
    with recorded() as called:
        service = start()
        for source in (SHORT, LONG):
            service.ask("POST", ANALYZE, {"source": source})
        service.ask("GET", "/contracts/results")
        for message in (job(LONG), upload(cloud, "a.sol", SHORT.encode()), tick(), message_of("written", change())):
            service.consume(message)
    assert differences(called, granted("contracts")) == []


def test_an_action_too_many_or_too_few_is_found() -> None:
    allowed = granted("contracts")
    assert "sqs:SendMessage" in allowed
    assert differences(allowed, allowed) == []
    assert differences(allowed, allowed | {"s3:DeleteObject"}) == [
        "s3:DeleteObject is granted and never used: take it out of the manifest"
    ]
    assert differences(allowed | {"sns:Subscribe"}, allowed) == [
        "sns:Subscribe is used and not granted: add it to the manifest"
    ]


def test_calls_of_every_client_are_recorded(cloud: Cloud) -> None:
    with recorded() as actions:
        shared, own = boto3.client("s3", region_name="us-east-1"), boto3.session.Session(region_name="us-east-1")
        shared.list_objects_v2(Bucket=cloud.environ["UPLOADS_BUCKET"])
        own.client("dynamodb").scan(TableName=cloud.environ["WORK_TABLE"])
        cloud.client("sqs").list_queues()
    assert actions == {"s3:ListBucket", "dynamodb:Scan"}
