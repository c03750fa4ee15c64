"""What a worker needs besides the settings of every service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from app.core.settings import EnvironmentSettings, parsed

_LONGEST = 43_200
"""SQS hides a message for at most twelve hours."""


Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Urls = Annotated[Mapping[str, Url], BeforeValidator(parsed(json.loads))]


class WorkerSettings(EnvironmentSettings):
    """Workers."""

    queues: Urls = Field(default_factory=dict[str, str])
    """JSON of trigger to URL of its queue. Set by the stack."""
    dead_letters: Urls = Field(default_factory=dict[str, str])
    """JSON of trigger to URL of the queue that takes what can never be done. Set by the stack."""
    idempotency_table: str = ""
    """DynamoDB table that remembers which messages were done. Set by the stack."""
    worker_timeout: Annotated[int, Field(ge=1, le=_LONGEST)] = 300
    """Seconds that one message may take; then it is cancelled and tried again."""
    worker_concurrency: Annotated[int, Field(ge=1, le=1000)] = 10
    """Messages worked on at once, for each queue and instance."""
    worker_attempts: Annotated[int, Field(ge=1, le=1000)] = 5
    """Attempts until a message that fails is parked with the reason; more than its queue allows has no effect."""
    worker_backoff: Annotated[int, Field(ge=0, le=900)] = 15
    """Seconds until a message that failed is tried again, at most; four times as many after each further failure."""
    stop_seconds: Annotated[int, Field(ge=1, le=3600)] = 90
    """Seconds from SIGTERM until messages that are not done are given back (containers)."""
    heartbeat_path: str = ""
    """File that is touched as long as the worker's event loop turns (containers)."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name.upper() for name in ("queues", "idempotency_table") if not getattr(self, name)]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be set for a worker to run.")
        if without := sorted(self.queues.keys() - self.dead_letters.keys()):
            raise ValueError(f"DEAD_LETTERS names no queue for {', '.join(without)}.")
        return self
