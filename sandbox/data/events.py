"""S3's events as S3 sends them: moto leaves out what tells two writes of one object apart."""

from __future__ import annotations

import itertools
import time
from typing import Any

from moto.s3 import notifications

from sandbox.control.scope import ACCOUNT_ID

_sequence = itertools.count(time.time_ns())
# There is no public place to complete it.
_NAME = "_get_s3_event"
_made = getattr(notifications, _NAME)


def complete() -> None:
    """From now on, let events carry a version, a sequencer and who is behind them."""
    setattr(notifications, _NAME, _event)


def _event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401
    event = _made(event_name, bucket, key, notification_id)
    for record in event["Records"]:
        record["userIdentity"] = {"principalId": f"AWS:{ACCOUNT_ID}"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["responseElements"] = {"x-amz-request-id": f"{next(_sequence):016X}", "x-amz-id-2": "sandbox"}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": ACCOUNT_ID}
        # Of two events of one object the later has the greater one, as text of equal length.
        record["s3"]["object"]["sequencer"] = f"{next(_sequence):016X}"
        if bucket.is_versioned:
            record["s3"]["object"]["versionId"] = key.version_id
    return event
