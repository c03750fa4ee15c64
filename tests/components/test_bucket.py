"""Buckets: what they keep for how long, who may use them, and whom they tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.bucket import Bucket
from components.bucket_events import Arrival, BucketEvents
from components.queue import Queue
from components.service import Link

Deploy = Callable[[Callable[[], Any]], Any]
Linked = Callable[[Callable[[], Link]], dict[str, Any]]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ARN = "arn:aws:s3:::dev-contracts-uploads-1a2b3c4"


def bucket(**choices: Any) -> Bucket:
    return Bucket("dev-contracts-uploads", **choices)


def rules(recorded: Any) -> dict[str, dict[str, Any]]:
    found = recorded.one("BucketLifecycleConfiguration", "dev-contracts-uploads").inputs["rules"]
    return {rule["id"]: rule for rule in found}


def test_what_is_replaced_stays_and_what_was_never_finished_goes(deploy: Deploy) -> None:
    found = rules(deploy(bucket))
    assert found.keys() == {"old-versions", "unfinished-uploads"}
    assert found["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert rules(deploy(lambda: bucket(versioned=False))).keys() == {"unfinished-uploads"}


def test_objects_move_to_cheaper_places_and_go(deploy: Deploy) -> None:
    found = rules(deploy(lambda: bucket(infrequent_days=30, archive_days=90, expire_days=365)))
    moves = [(move["days"], move["storageClass"]) for move in found["older"]["transitions"]]
    assert moves == [(30, "STANDARD_IA"), (90, "GLACIER_IR")]
    assert found["expire"]["expiration"] == {"days": 365}


@pytest.mark.parametrize(
    ("ages", "says"),
    [
        ({"infrequent_days": 29}, "infrequent_days is 29; S3 takes 30 or more"),
        ({"infrequent_days": 30, "archive_days": 59}, "archive_days is 59"),
        ({"infrequent_days": 90, "archive_days": 90}, "infrequent_days 90 is not before archive_days 90"),
        ({"archive_days": 90, "expire_days": 60}, "archive_days 90 is not before expire_days 60"),
        ({"infrequent_days": 60, "expire_days": 60}, "infrequent_days 60 is not before expire_days 60"),
    ],
)
def test_ages_that_s3_refuses_are_refused(deploy: Deploy, ages: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        deploy(lambda: bucket(**ages))


def test_a_bucket_is_protected_and_kept_unless_it_is_for_a_try(deploy: Deploy) -> None:
    guarded, tried = (deploy(lambda on=on: bucket(guarded=on)).one("s3/bucket:Bucket") for on in (True, False))
    assert (guarded.protect, guarded.retain, guarded.inputs["forceDestroy"]) == (True, True, False)
    assert (tried.protect, tried.retain, tried.inputs["forceDestroy"]) == (False, False, True)


def test_an_existing_bucket_is_taken_over_by_its_name_and_never_deleted(deploy: Deploy) -> None:
    taken = deploy(lambda: bucket(import_id="uploads", guarded=False)).one("s3/bucket:Bucket")
    assert (taken.import_id, taken.inputs["bucket"], taken.retain) == ("uploads", "uploads", True)


def test_requests_are_recorded_where_only_the_log_delivery_for_this_bucket_writes(deploy: Deploy) -> None:
    recorded = deploy(lambda: bucket(access_log_days=90, key_arn=KEY))
    assert recorded.one("BucketLogging").inputs["targetBucket"] == "dev-contracts-uploads-logs-id"
    policy = recorded.one("BucketPolicy", "dev-contracts-uploads-logs").inputs["policy"]
    _, delivery = json.loads(policy)["Statement"]
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Condition"] == {
        "ArnLike": {"aws:SourceArn": ARN},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    encryption = recorded.one("BucketServerSideEncryptionConfiguration", "dev-contracts-uploads-logs").inputs
    assert encryption["rules"][0]["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    assert deploy(bucket).all("BucketLogging") == []


def test_actions_are_allowed_where_they_work(linked: Linked) -> None:
    link = linked(lambda: bucket().link("uploads", actions=["GetObject", "ListBucket", "PutObject"]))
    assert link["environment"] == {"UPLOADS_BUCKET": "dev-contracts-uploads-id"}
    assert [(one["actions"], one["resources"]) for one in link["statements"]] == [
        (["s3:ListBucket"], [ARN]),
        (["s3:GetObject", "s3:PutObject"], [f"{ARN}/*"]),
    ]


@pytest.mark.parametrize(
    ("action", "uses"),
    [
        ("GetObject", {"kms:Decrypt"}),
        ("PutObject", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("DeleteObject", None),
        ("ListBucket", None),
    ],
)
def test_a_key_is_used_for_what_is_in_objects_alone(linked: Linked, action: str, uses: set[str] | None) -> None:
    _, *key = linked(lambda: bucket(key_arn=KEY).link("uploads", actions=[action]))["statements"]
    assert [set(one["actions"]) for one in key] == ([] if uses is None else [uses])
    assert all(one["resources"] == [KEY] for one in key)
    via = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    assert all(one["conditions"] == via for one in key)


def test_calls_that_are_no_actions_are_refused_with_the_action(deploy: Deploy) -> None:
    with pytest.raises(ValueError, match="HeadObject is a call, not an action of IAM: write GetObject"):
        deploy(lambda: bucket().link("uploads", actions=["HeadObject"]))


def test_a_bucket_tells_all_its_queues_by_one_configuration_once_it_may(deploy: Deploy) -> None:
    def program() -> None:
        made = bucket()
        one, other = (Queue(f"dev-contracts-{name}", bucket_arns=[made.arn]) for name in ("sources", "tables"))
        arrivals = [Arrival(queue=one, suffix=".sol"), Arrival(queue=other, prefix="in/", suffix=".csv")]
        BucketEvents("dev-contracts-uploads", bucket=made, arrivals=arrivals)

    recorded = deploy(program)
    told = recorded.one("BucketNotification")
    assert not told.inputs["eventbridge"]
    assert [(one["events"], one["filterPrefix"], one["filterSuffix"]) for one in told.inputs["queues"]] == [
        (["s3:ObjectCreated:*"], "", ".sol"),
        (["s3:ObjectCreated:*"], "in/", ".csv"),
    ]
    policies = {f"aws:sqs/queuePolicy:QueuePolicy::dev-contracts-{name}" for name in ("sources", "tables")}
    assert policies <= set(told.depends_on)
    policy = recorded.one("QueuePolicy", "dev-contracts-sources").inputs["policy"]
    _, sender = json.loads(policy)["Statement"]
    assert sender == {
        "Sid": "Buckets",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:us-east-1:123456789012:dev-contracts-sources-1a2b3c4",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": [ARN]},
            "StringEquals": {"aws:SourceAccount": "123456789012"},
        },
    }


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (("", ".sol"), ("", ".csv"), False),
        (("", ".sol"), ("", ".sol"), True),
        (("in/", ""), ("", ".sol"), True),
        (("in/", ".sol"), ("out/", ".sol"), False),
        (("in/", ".sol"), ("in/a/", "a.sol"), True),
        (("in/a", ""), ("in/b", ""), False),
    ],
)
def test_an_object_that_may_be_meant_twice_is_refused(
    deploy: Deploy, one: tuple[str, str], other: tuple[str, str], overlap: bool
) -> None:
    def program() -> None:
        queue = Queue("dev-contracts-sources")
        arrivals = [Arrival(queue=queue, prefix=prefix, suffix=suffix) for prefix, suffix in (one, other)]
        BucketEvents("dev-contracts-uploads", bucket=bucket(), arrivals=arrivals)

    if not overlap:
        assert deploy(program).one("BucketNotification")
        return
    with pytest.raises(ValueError, match="S3 tells one queue of each object"):
        deploy(program)
