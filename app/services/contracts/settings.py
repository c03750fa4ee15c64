"""The analyzer's own settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasGenerator, ConfigDict, Field

from app.ask.settings import AskSettings


class ContractsSettings(AskSettings):
    """What contracts are analyzed with."""

    model_config = ConfigDict(alias_generator=AliasGenerator(alias=lambda name: f"CONTRACTS_{name.upper()}"))

    uploads_bucket: Annotated[str, Field(alias="UPLOADS_BUCKET")] = ""
    """S3 bucket that sources are uploaded to and results are put in. The stack sets it, as the one below."""
    notices_topic: Annotated[str, Field(alias="NOTICES_TOPIC")] = ""
    """SNS topic that is told of new results."""
    rules_seconds: Annotated[float, Field(ge=0.1, le=120)] = 10
    """Seconds that the rules may look at a source."""
    upload_bytes: Annotated[int, Field(ge=1, le=50_000_000)] = 5_242_880
    """Longest source that is analyzed from the bucket."""
