"""What links are called and what they may allow; loads no SDK, so that settings can be judged by it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

TABLE_ACTIONS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "ConditionCheckItem",
        "DeleteItem",
        "DescribeTable",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "UpdateItem",
    }
)
"""IAM's actions on the items of a table."""

INDEX_ACTIONS = frozenset({"Query", "Scan"})
"""Those that work on an index too."""

BUCKET_ACTIONS = frozenset({"GetBucketLocation", "ListBucket", "ListBucketMultipartUploads", "ListBucketVersions"})
"""IAM's actions on a bucket itself."""

OBJECT_ACTIONS = frozenset(
    {
        "AbortMultipartUpload",
        "DeleteObject",
        "DeleteObjectTagging",
        "DeleteObjectVersion",
        "GetObject",
        "GetObjectAttributes",
        "GetObjectTagging",
        "GetObjectVersion",
        "ListMultipartUploadParts",
        "PutObject",
        "PutObjectTagging",
        "RestoreObject",
    }
)
"""IAM's actions on the objects in a bucket."""

QUEUE_ACTIONS = frozenset(
    {"ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage", "SendMessage"}
)
"""IAM's actions on the messages of a queue."""

TOPIC_ACTIONS = frozenset({"Publish"})
"""IAM's actions on a topic."""

LINK_ACTIONS = {
    "table": TABLE_ACTIONS,
    "bucket": BUCKET_ACTIONS | OBJECT_ACTIONS,
    "queue": QUEUE_ACTIONS,
    "topic": TOPIC_ACTIONS,
}
"""What a link of each kind may allow."""

# Calls of the API that people name where IAM has another action for them (service authorization reference).
_OTHER_NAMES = {
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "CopyObject": "GetObject and PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "TransactGetItems": "GetItem",
    "TransactWriteItems": "PutItem, UpdateItem, DeleteItem or ConditionCheckItem",
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "PublishBatch": "Publish",
}


def variable(link: str, ending: str) -> str:
    """Return the environment variable of a link: `by-day` and `TABLE` make `BY_DAY_TABLE`."""
    return f"{link}_{ending}".upper().replace("-", "_")


def action_problem(kind: str, action: str) -> str | None:
    """Return what is wrong with an action that a link is to allow, None when nothing is."""
    allowed = LINK_ACTIONS[kind]
    if action in allowed:
        return None
    if other := _OTHER_NAMES.get(action):
        return f"{action} is a call, not an action of IAM: write {other}"
    return f"{action} is no action of a {kind}; allowed: {', '.join(sorted(allowed))}"


def checked_actions(kind: str, link: str, actions: Sequence[str]) -> Collection[str]:
    """Return the actions that a link is to allow.

    Raises:
        ValueError: There is none, or one that links of this kind do not have.

    """
    problems = [problem for action in actions if (problem := action_problem(kind, action))]
    if not actions:
        problems = [f"it allows nothing; name actions, as in {min(LINK_ACTIONS[kind])}"]
    if problems:
        msg = f"The {kind} {link}: {'; '.join(problems)}."
        raise ValueError(msg)
    return actions
