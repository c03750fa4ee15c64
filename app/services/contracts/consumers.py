"""What the analyzer's worker does: jobs, uploads, a report each hour, a notice of each new result."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, timedelta

from app.ask.results import Listed, digest
from app.ask.settings import MILLION
from app.core.aws import AwsError
from app.core.messages import Consumer, Keyed, Message, Rejected, StoredObject, TableChange, Tick
from app.services.contracts.analyzer import Analyzer

_MOST_REPORTED = 1_000
_JSON = "application/json"
_PROBLEM = "application/problem+json"

_log = logging.getLogger(__name__)


def consumers(analyzer: Analyzer) -> Mapping[str, Consumer]:
    """Return what takes the messages of each trigger."""
    work = _Consumers(analyzer)
    return {
        "jobs": analyzer.do_job,
        "uploaded": work.uploaded,
        "hourly": Keyed(work.hourly, lambda tick: f"{tick.at.astimezone(UTC):%Y-%m-%dT%H}"),
        "written": Keyed(work.written, _result_of),
    }


class _Consumers:
    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer

    async def uploaded(self, message: Message[StoredObject]) -> None:
        """Analyze a source that was uploaded, and put the result beside it."""
        stored, most = message.body, self._analyzer.settings.upload_bytes
        if not stored.event.startswith("ObjectCreated"):
            return
        if (stored.size or 0) > most:
            await self._beside(stored.key, _too_long(most), _PROBLEM)
            return
        source = await self._read(stored)
        if source is None:
            _log.info("An upload is gone before it was read", extra={"fields": {"key": stored.key}})
            return
        try:
            text = source.decode()
        except UnicodeDecodeError:
            await self._beside(stored.key, _problem(422, "The file is no text in UTF-8."), _PROBLEM)
            return
        analysis = await self._analyzer.desk.once(digest(text), text)
        await self._beside(stored.key, analysis.model_dump_json(indent=2), _JSON)

    async def hourly(self, message: Message[Tick]) -> None:
        """Put a report of the hour before into the bucket."""
        end = message.body.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        begin = end - timedelta(hours=1)
        results = await self._analyzer.desk.results.between(begin, end - timedelta(microseconds=1), _MOST_REPORTED)
        report = {
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "analyses": len(results),
            "more": len(results) == _MOST_REPORTED,
            "by_gravest_finding": dict(sorted(Counter(map(_gravest, results)).items())),
            "cost_usd": round(sum(result.cost_usd for result in results), 6),
            "spent_today_usd": await self._analyzer.budget.spent(begin) / MILLION,
            "daily_budget_usd": self._analyzer.settings.daily_budget,
        }
        await self._put(f"reports/{begin:%Y-%m-%dT%H}.json", json.dumps(report, indent=2), _JSON)

    async def written(self, message: Message[TableChange]) -> None:
        """Tell the topic of a new result."""
        new = message.body.new
        if message.body.event == "REMOVE" or new is None:
            return
        headline = new["headline"]
        notice = {
            "hash": new["hash"],
            "created": new["created"],
            "findings": int(headline["findings"]),
            "gravest": headline["gravest"],
            "cost_usd": int(new["cost"]) / MILLION,
        }
        await self._analyzer.aws.call(
            "sns",
            "publish",
            TopicArn=self._analyzer.settings.notices_topic,
            Subject=f"Contract analyzed: {notice['findings']} findings, gravest {notice['gravest']}",
            Message=json.dumps(notice),
            # Subscriptions may ask for grave ones alone.
            MessageAttributes={"gravest": {"DataType": "String", "StringValue": notice["gravest"]}},
        )

    async def _read(self, stored: StoredObject) -> bytes | None:
        """Return an upload as it is now, nothing when it is gone; an older version takes a right of its own to read."""
        try:
            answer = await self._analyzer.aws.call("s3", "get_object", Bucket=stored.bucket, Key=stored.key)
        except AwsError as error:
            if error.code == "NoSuchKey":
                return None
            if error.code == "AccessDenied":
                # What S3 says of a missing object too, to who may not list the bucket: trying again would not help.
                raise Rejected("the upload is gone, or the role may not read it") from error
            raise
        return answer["Body"]

    async def _beside(self, key: str, text: str, media_type: str) -> None:
        await self._put(f"{key}.json", text, media_type)

    async def _put(self, key: str, text: str, media_type: str) -> None:
        bucket = self._analyzer.settings.uploads_bucket
        await self._analyzer.aws.call(
            "s3", "put_object", Bucket=bucket, Key=key, Body=text.encode(), ContentType=media_type
        )


def _result_of(change: TableChange) -> str:
    # One result, one notice: what TTL removes has no `new`, and is nobody's concern.
    return f"{change.keys['hash']} {change.new['created'] if change.new else 'removed'}"


def _gravest(result: Listed) -> str:
    return str((result.model_extra or {}).get("gravest", "none"))


def _too_long(most: int) -> str:
    return _problem(413, f"The file may have {most} bytes; CONTRACTS_UPLOAD_BYTES says so.")


def _problem(status: int, detail: str) -> str:
    title = {413: "Content Too Large", 422: "Unprocessable Content"}[status]
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}, indent=2)
