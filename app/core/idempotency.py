"""What is done is done once: aws-lambda-powertools remembers in DynamoDB which keys were.

Two writes for each message, 1.25 USD for a million in us-east-1. Powertools' own decorators wrap functions that block;
its store is used here directly, from threads, around coroutines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord

from app.core.queues import AWS_ERRORS

_REMEMBERED = 14 * 24 * 3600
"""Seconds, as long as SQS can keep a message."""
_MARGIN = 10
"""Seconds beyond the time that work may take, until who began it counts as gone."""

_log = logging.getLogger(__name__)


class InProgressError(Exception):
    """Somebody else is at it; `seconds` from now they are done or gone."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"somebody else is at it, for {seconds:.0f} s at most")
        self.seconds = seconds


class Once:
    """Does the work of each key once."""

    def __init__(self, table: str, scope: str, dynamodb: Any) -> None:  # noqa: ANN401 see Queues
        self._store = DynamoDBPersistenceLayer(table, boto3_client=dynamodb)
        self._store.configure(
            IdempotencyConfig(
                expires_after_seconds=_REMEMBERED, hash_function="sha256", raise_on_no_idempotency_key=True
            ),
            key_prefix=scope,
        )

    async def run(self, key: str, work: Callable[[], Awaitable[None]], seconds: float) -> bool:
        """Do the work unless it was done; tell whether it was now. What fails may be done again.

        Raises:
            InProgressError: somebody else is at it.
            TimeoutError: the work took longer than `seconds`.
        """
        data = {"key": key}
        try:
            await asyncio.to_thread(self._store.save_inprogress, data, int((seconds + _MARGIN) * 1000))
        except IdempotencyItemAlreadyExistsError as error:
            if _is_done(error.old_data_record):
                return False
            raise InProgressError(_left(error.old_data_record)) from None
        try:
            await _within(seconds, work)
        except BaseException as error:
            await self._forget(data, error)
            raise
        try:
            await asyncio.to_thread(self._store.save_success, data, {})
        except AWS_ERRORS:
            # The work is done. To say that it failed would have it done twice for certain.
            _log.exception("A message was done, but that could not be noted: a duplicate of it would be done again")
        return True

    async def _forget(self, data: dict[str, Any], error: BaseException) -> None:
        reason = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
        try:
            await asyncio.to_thread(self._store.delete_record, data, reason)
        except AWS_ERRORS:
            _log.exception("A message that failed still counts as in progress; it can be tried when that is over")


async def _within(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await work()
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"not done within {seconds:.0f} s") from None
        raise


def _is_done(record: DataRecord | None) -> bool:
    return record is not None and record.status == STATUS_CONSTANTS["COMPLETED"]


def _left(record: DataRecord | None) -> float:
    until = record.in_progress_expiry_timestamp if record else None
    return max(1, int(until) / 1000 - datetime.now(UTC).timestamp()) if until else 1
