"""The dated price sheet of a region: what one unit costs, and which public source says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

FOLDER: Final = Path(__file__).parent


class Tier(NamedTuple):
    """A price for the units up to `limit`; the last tier has none."""

    limit: Decimal | None
    usd: Decimal


class _Entry(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, use_attribute_docstrings=True)


class Price(_Entry):
    """One price on demand."""

    tiers: tuple[Tier, ...]
    """By rising volume; a flat price is one tier. A file may say `usd` instead."""
    unit: str
    date: date
    """Day of the source, or day on which it was read."""
    per: Decimal = Decimal(1)
    """Units that a tier's price is for."""
    source: str = "AWS public price list"
    offer: str = ""
    """Offer code in the price list; empty where the price comes from elsewhere."""
    usage_type: str = ""
    """Usage type in the price list, without the prefix of the region."""
    filter: str = ""
    """Name of further columns to match, where several products share a usage type."""
    scope: Literal["region", "global"] = "region"
    """Whether the offer is listed by region."""
    free: Decimal = Decimal(0)
    """Units a month that every account gets for nothing, for good."""
    pool: str = ""
    """Prices of one pool share their free units."""

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: dict[str, Any]) -> dict[str, Any]:
        if "usd" not in data:
            return data
        return {key: value for key, value in data.items() if key != "usd"} | {"tiers": [(None, data["usd"])]}

    @property
    def usd(self) -> Decimal:
        """Return what one unit costs in the first tier."""
        return self.tiers[0].usd / self.per

    def cost(self, units: Decimal) -> Decimal:
        """Return what a month's units cost, tier by tier."""
        total, below = Decimal(0), Decimal(0)
        for limit, usd in self.tiers:
            top = units if limit is None else min(units, limit)
            total += max(top - below, Decimal(0)) * usd
            below = max(below, top)
        return total / self.per

    def document(self) -> dict[str, object]:
        """Return the price as the file writes it: what is not said there is left out."""
        known = self.model_dump(by_alias=True, exclude_defaults=True, exclude={"tiers", "date"})
        figures: dict[str, object] = {"tiers": [[_plain(limit), f"{usd:f}"] for limit, usd in self.tiers]}
        if len(self.tiers) == 1:
            figures = {"usd": f"{self.tiers[0].usd:f}"}
        plain = {key: _plain(value) if isinstance(value, Decimal) else value for key, value in known.items()}
        order = ("per", "unit", "offer", "usageType", "filter", "scope", "date", "source", "free", "pool")
        rest = {**plain, "date": self.date}
        return figures | {key: rest[key] for key in order if key in rest}


class PriceSheet(_Entry):
    """All prices of a region that are known."""

    region: str
    currency: Literal["USD"] = "USD"
    filters: Mapping[str, Mapping[str, str]] = Field(default_factory=dict[str, Mapping[str, str]])
    prices: Mapping[str, Price]

    @property
    def oldest(self) -> date:
        return min(price.date for price in self.prices.values())

    @property
    def newest(self) -> date:
        return max(price.date for price in self.prices.values())


def sheet_file(region: str) -> Path:
    """Return where the sheet of a region lies, or would lie."""
    return FOLDER / f"{region}.yaml"


def sheet_regions() -> list[str]:
    """Return the regions that have a sheet, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def load_sheet(region: str) -> PriceSheet:
    """Return the sheet of a region.

    Raises:
        LookupError: There is none; prices of another region are never taken in its place.

    """
    path = sheet_file(region)
    if region not in sheet_regions():
        raise LookupError(region)
    # Ten times as fast, where PyYAML was built with libyaml.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return PriceSheet.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=loader))  # noqa: S506 - a safe one


def _plain(number: Decimal | None) -> int | float | None:
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)
