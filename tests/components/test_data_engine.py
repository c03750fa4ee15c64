"""What services keep and what feeds their workers, under the real engine and the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from automation import policies
from tests.sandbox.engine import Sandbox, opened

pytestmark = pytest.mark.e2e

_REPOSITORY = Path(__file__).resolve().parents[2]

_PROGRAM = f"""
import json
import sys
from pathlib import Path

sys.path.insert(0, {str(_REPOSITORY)!r})

import pulumi
import pulumi_aws as aws

from components.bucket import Bucket
from components.bucket_events import Arrival, BucketEvents
from components.key import CustomerKey
from components.queue import Queue
from components.schedule import Schedule
from components.secret import Secret
from components.table import Table
from components.table_stream import TableStream
from components.topic import Topic

wanted = {{
    "guarded": False,
    "key": True,
    "visibility": 300,
    "rate": "rate(1 hour)",
    "suffix": ".sol",
    "expire": 365,
    "email": ["team@example.com"],
    "imports": {{}},
    "tags": {{"tags": {{"Owner": "me", "Environment": "dev", "Cost-Center": "none"}}}},
    **json.loads(Path("settings.json").read_text()),
}}
guarded, imports = wanted["guarded"], wanted["imports"]
opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region="us-east-1", default_tags=wanted["tags"]))
key = CustomerKey("dev-key", guarded=False, opts=opts).arn if wanted["key"] else None
table = Table(
    "dev-contracts-results",
    key=["hash"],
    attributes={{"hash": "S", "day": "S", "created": "N"}},
    indexes={{"by-day": ["day", "created"]}},
    ttl="expires",
    stream=True,
    key_arn=key,
    guarded=guarded,
    import_id=imports.get("table"),
    opts=opts,
)
bucket = Bucket(
    "dev-contracts-uploads",
    infrequent_days=30,
    archive_days=90,
    expire_days=wanted["expire"],
    access_log_days=90,
    key_arn=key,
    guarded=guarded,
    import_id=imports.get("bucket"),
    opts=opts,
)
secret = Secret("dev-contracts-keys", key_arn=key, guarded=guarded, import_id=imports.get("secret"), opts=opts)
topic = Topic(
    "dev-contracts-notices", email=wanted["email"], https=["https://example.com/hook"], key_arn=key, opts=opts
)
queues = {{
    name: Queue(
        f"dev-contracts-{{name}}",
        visibility_seconds=wanted["visibility"],
        bucket_arns=[bucket.arn] if name == "uploaded" else [],
        key_arn=key,
        opts=opts,
    )
    for name in ("hourly", "uploaded", "written")
}}
BucketEvents(
    "dev-contracts-uploads",
    bucket=bucket,
    arrivals=[Arrival(queue=queues["uploaded"], suffix=wanted["suffix"])],
    opts=opts,
)
Schedule("dev-contracts-hourly", queue=queues["hourly"], expression=wanted["rate"], opts=opts)
TableStream("dev-contracts-written", table=table, queue=queues["written"], opts=opts)
# Whoever reads an output of the wrong type waits for ever, so everything is read.
for link in (
    table.link("results", actions=["GetItem", "Query"]),
    bucket.link("uploads", actions=["GetObject", "ListBucket"]),
    topic.link("notices"),
    queues["hourly"].link("jobs"),
):
    for name, value in link.environment.items():
        pulumi.export(name, value)
pulumi.export("secret", secret.arn)
pulumi.export("stream", table.stream_arn)
pulumi.export("deadLetters", queues["hourly"].dead_letter_url)
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with opened(tmp_path) as sandbox:
        yield sandbox


def test_everything_a_service_keeps_from_its_first_update_to_an_empty_account(sandbox: Sandbox) -> None:
    stack = sandbox.stack(_PROGRAM)
    made = stack.summary("up")
    assert made.keys() == {"create"}
    assert stack.summary("up") == {"same": made["create"]}
    names = stack.outputs()
    assert names.keys() >= {"RESULTS_TABLE", "UPLOADS_BUCKET", "NOTICES_TOPIC", "JOBS_QUEUE", "secret", "stream"}

    stack.settle(visibility=600, rate="cron(0 8 ? * MON-FRI *)", suffix=".txt", expire=400, email=["other@example.com"])
    changed = stack.summary("up")
    assert "replace" not in changed
    assert (changed["create"], changed["delete"]) == (1, 1), "another address is another subscription, nothing else"
    assert stack.outputs() == names

    stack.settle(guarded=True)
    assert "replace" not in stack.summary("up")
    before = sandbox.account.summary()
    assert "protected" in stack.failure("destroy")
    data = ("aws:dynamodb/table:Table", "aws:s3/bucket:Bucket", "aws:secretsmanager/secret:Secret")
    assert {kind: sandbox.account.summary()[kind] for kind in data} == {kind: before[kind] for kind in data}

    stack.settle()
    stack.summary("up")
    assert stack.summary("destroy").keys() == {"delete"}
    assert sandbox.account.summary() == {}


_BY_HAND = """
import pulumi
import pulumi_aws as aws

opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region="us-east-1"), retain_on_delete=True)
aws.dynamodb.Table(
    "old",
    name="old-results",
    billing_mode="PAY_PER_REQUEST",
    hash_key="hash",
    attributes=[{"name": "hash", "type": "S"}],
    opts=opts,
)
aws.s3.Bucket("old", bucket="old-uploads", tags={"Team": "contracts"}, opts=opts)
pulumi.export("secret", aws.secretsmanager.Secret("old", name="team/old-keys", opts=opts).arn)
"""


def test_what_people_made_is_taken_over_and_outlives_the_stack(sandbox: Sandbox) -> None:
    people = sandbox.stack(_BY_HAND, "people")
    people.summary("up")
    secret = people.output("secret")
    people.summary("destroy")

    stack = sandbox.stack(_PROGRAM, "other")
    imports = {"table": "old-results", "bucket": "old-uploads", "secret": secret}
    stack.settle(imports=imports)
    taken = stack.summary("up")
    assert (taken["import"], taken["update"]) == (3, 3), "taken over as they are, then brought to what the stack says"
    names = stack.outputs()
    assert [names[name] for name in ("RESULTS_TABLE", "UPLOADS_BUCKET", "secret")] == [*imports.values()]
    assert stack.summary("up").keys() == {"same"}
    stack.summary("destroy")
    assert sandbox.account.summary() == {
        "aws:dynamodb/table:Table": 1,
        "aws:s3/bucket:Bucket": 1,
        "aws:secretsmanager/secret:Secret": 1,
    }


@pytest.mark.parametrize(("environment", "settings"), [("dev", {"key": False}), ("prod", {"guarded": True})])
def test_what_a_service_keeps_breaks_no_rule_that_stops_it(
    sandbox: Sandbox, environment: str, settings: dict[str, bool]
) -> None:
    stack = sandbox.stack(_PROGRAM, environment)
    stack.settle(**settings)
    report = policies.judge(
        stack.events("preview"), environment=environment, suppressions=(), today=date(2026, 1, 1), dependencies=None
    )
    assert [(one.rule.id, one.resource.name) for one in report.findings if one.stops] == []
