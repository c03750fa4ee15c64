"""Results: what was found out about a source, by its hash, for as long as it is kept."""

from __future__ import annotations

import gzip
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from app.ask.settings import MILLION
from app.ask.table import Item, Table

HASH = r"^[0-9a-f]{64}$"
CURSOR = r"^[0-9a-f]{80}$"
INDEX = "by-day"

_INCOMPLETE_SECONDS = 600
"""How long a result counts that lacks what a model would have said: it may answer soon."""
_DAYS_PER_PAGE = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_TIME_DIGITS = 16
_NONE = "f" * 64

Usd = Annotated[float, Field(ge=0, description="USD.")]


class Asked(BaseModel):
    """A model that was asked, and what came of it."""

    provider: str
    model: str
    outcome: Annotated[str, Field(description="`answered`, or why there is no answer.")]
    cost_usd: Annotated[Usd, Field(description="USD; of a call that broke off, the most that it can have cost.")]


class Result(BaseModel):
    """What all results say."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    hash: Annotated[str, Field(pattern=HASH, description="SHA-256 of the source in UTF-8.")]
    created: datetime
    cached: Annotated[bool, Field(description="It was known before this request.")] = False
    complete: Annotated[bool, Field(description="No model that could have been asked failed to answer.")] = True
    asked: list[Asked] = Field(default_factory=list[Asked], description="Models, in the order they were asked.")
    cost_usd: Annotated[Usd, Field(description="What the models cost together.")] = 0
    notes: list[str] = Field(default_factory=list[str], description="What was left out, and why.")

    def headline(self) -> dict[str, str | int]:
        """Return what a list says about it, besides hash and time."""
        return {}


R = TypeVar("R", bound=Result)


class Listed(BaseModel):
    """A result in a list."""

    model_config = ConfigDict(extra="allow")

    hash: str
    created: datetime
    cost_usd: Usd


@dataclass(frozen=True)
class _Place:
    """A place in the list: after one result, or at the end of a day; every text of the form is one."""

    moment: datetime
    hash: str

    @classmethod
    def parse(cls, text: str) -> _Place:
        since = timedelta(microseconds=min(int(text[:_TIME_DIGITS], 16), _LATEST))
        return cls(_EPOCH + since, text[_TIME_DIGITS:])

    @classmethod
    def end_of(cls, day: date) -> _Place:
        return cls(datetime.combine(day, datetime.max.time(), UTC), _NONE)

    def __str__(self) -> str:
        return f"{(self.moment - _EPOCH) // timedelta(microseconds=1):0{_TIME_DIGITS}x}{self.hash}"

    @property
    def key(self) -> Item | None:
        """The key of the result that it is after, in the index."""
        created = stamp(self.moment)
        return None if self.hash == _NONE else {"hash": self.hash, "day": created[:10], "created": created}


class Results(Generic[R]):
    """The results of a service.

    Args:
        table: Where they are kept.
        kind: What they are.
        edition: What they were made with; those of another edition are made anew.
        days: How long they are kept.

    """

    def __init__(self, table: Table, kind: type[R], edition: str, days: int) -> None:
        self._table = table
        self._kind = kind
        self._edition = edition
        self._days = days

    async def get(self, key: str) -> R | None:
        """Return a result that still counts."""
        item = await self._table.get({"hash": key})
        now = int(time.time())
        if item is None or item["edition"] != self._edition or int(item["until"]) < now:
            return None
        return self._kind.model_validate_json(gzip.decompress(bytes(item["body"])))

    async def put(self, result: R) -> None:
        """Keep a result."""
        now = int(time.time())
        expires = now + self._days * 24 * 3600
        created = stamp(result.created)
        await self._table.put(
            {
                "hash": result.hash,
                "created": created,
                "day": created[:10],
                "edition": self._edition,
                "until": expires if result.complete else now + _INCOMPLETE_SECONDS,
                "expires": expires,
                "cost": round(result.cost_usd * MILLION),
                "headline": result.headline(),
                "body": gzip.compress(result.model_dump_json().encode(), mtime=0),
            }
        )

    async def page(self, cursor: str | None, most: int) -> tuple[list[Listed], str | None]:
        """Return the latest results, the last first, and where the list goes on."""
        today = datetime.now(UTC).date()
        oldest = today - timedelta(days=self._days)
        place = _Place.parse(cursor) if cursor else _Place.end_of(today)
        if place.moment.date() > today:
            place = _Place.end_of(today)
        found: list[Listed] = []
        for _ in range(_DAYS_PER_PAGE):
            day = place.moment.date()
            if day < oldest:
                return found, None
            items = await self._table.query(INDEX, "#day = :day", most - len(found), place.key, day=f"{day}")
            found += [_listed(item) for item in items]
            if len(found) == most:
                last = found[-1]
                return found, str(_Place(last.created, last.hash))
            place = _Place.end_of(day - timedelta(days=1))
        return found, str(place)

    async def between(self, begin: datetime, end: datetime, most: int) -> list[Listed]:
        """Return up to `most` results of a part of one day, the last first."""
        found = await self._table.query(
            INDEX,
            "#day = :day AND #created BETWEEN :begin AND :end",
            most,
            None,
            day=f"{begin:%Y-%m-%d}",
            begin=stamp(begin),
            end=stamp(end),
        )
        return [_listed(item) for item in found]


def digest(source: str) -> str:
    """Return what a source is known by."""
    return hashlib.sha256(source.encode()).hexdigest()


def stamp(moment: datetime) -> str:
    """Return a time as text that sorts as the time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _listed(item: Item) -> Listed:
    headline = {name: value if isinstance(value, str) else int(value) for name, value in item["headline"].items()}
    return Listed(hash=item["hash"], created=item["created"], cost_usd=int(item["cost"]) / MILLION, **headline)
