"""What a service's worker takes: one message at a time, whatever fed the queue that it came by.

Services import this at start, the HTTP half included, so it holds types and nothing that costs time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal

from pydantic import BaseModel, JsonValue, ValidationError
from typing_extensions import TypeVar

Json = JsonValue
Body = TypeVar("Body", default=Any)
Model = TypeVar("Model", bound=BaseModel)

Consumer = Callable[["Message[Any]"], Awaitable[None]]
"""What takes messages. To return is to have done it; to raise is to be asked again later, but for `Rejected`."""


class Rejected(Exception):  # noqa: N818 it is raised as what it says of the message
    """The message can never be done: it goes to the dead letter queue at once, with this text as the reason."""


@dataclass(frozen=True)
class StoredObject:
    """Body of a `bucket` trigger's message: an object was written or deleted."""

    event: str
    """As S3 calls it: `ObjectCreated:Put` and the like."""
    bucket: str
    key: str
    """As it was given to S3, not as notifications encode it."""
    size: int | None = None
    version: str | None = None


@dataclass(frozen=True)
class Tick:
    """Body of a `schedule` trigger's message: it is time."""

    at: datetime
    """When it was due, not when it arrived."""
    schedule: str
    """ARN of the schedule."""


@dataclass(frozen=True)
class TableChange:
    """Body of a `stream` trigger's message: an item changed. Values are plain; numbers are `Decimal`."""

    event: Literal["INSERT", "MODIFY", "REMOVE"]
    keys: Mapping[str, Any]
    old: Mapping[str, Any] | None = None
    """The item before; none where there was none, or the stream does not hold it."""
    new: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Message(Generic[Body]):
    """One message of a trigger.

    The manifest's kind of the trigger says what the body is: JSON of a `queue`, `StoredObject` of a `bucket`, `Tick`
    of a `schedule`, `TableChange` of a `stream`.
    """

    trigger: str
    id: str
    """Of the message in SQS."""
    body: Body
    attempts: int
    """How often it was taken, this time included."""
    sent: datetime
    key: str
    """What it is done once by."""

    def read(self, model: type[Model]) -> Model:
        """Return the body as a model; one that does not fit is parked, with the fields that are wrong as the reason."""
        try:
            return model.model_validate(self.body)
        except ValidationError as error:
            # Not what was sent in them: a reason is read by whoever may read the queue.
            wrong = (
                f"{'.'.join(map(str, item['loc'])) or 'the body'}: {item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            raise Rejected(f"no {model.__name__}: {'; '.join(wrong)}") from None


@dataclass(frozen=True)
class Keyed:
    """A consumer whose messages are one piece of work when the key of their bodies is one.

    Without it two messages with the same body are two pieces of work. A key counts for 14 days: name in it all that
    makes the work new, such as the version of what it is about.
    """

    consume: Consumer
    by: Callable[[Any], str]
    """Returns the key of a body; a body that has none (`KeyError` and the like) is parked."""

    async def __call__(self, message: Message[Any]) -> None:
        """Take a message."""
        await self.consume(message)
