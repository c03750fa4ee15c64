"""Renew a price sheet from AWS's public price list, which needs no account: one streamed CSV file per offer."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import yaml

from automation.errors import Exit, UserError
from stacks.prices.sheet import Price, PriceSheet, Tier, load_sheet, sheet_file, sheet_regions

PRICE_LIST: Final = "https://pricing.us-east-1.amazonaws.com"
TEMPLATE: Final = "us-east-1"
"""Region whose sheet says which prices there are; a new region starts from it."""

_SOURCE: Final = Price.model_fields["source"].default
_SECONDS: Final = 60
_ONE_LINE: Final = 10**9
# `USE1-`, `EU-` for the oldest one in Europe, or the region's name. `TS-` and its like are no regions.
_REGION_PREFIX: Final = re.compile(r"(?:EU|[A-Z]{2,4}[0-9]|[a-z]{2}(?:-[a-z]+)+-[0-9])-")
_LINE: Final = re.compile(r"  ([\w.-]+): \{.*\}$")

Row = Mapping[str, str]


@dataclass
class Renewal:
    """What a refresh found: renewed prices, those that kept their figure, and what went wrong for which."""

    region: str
    renewed: dict[str, Price] = field(default_factory=dict)
    before: Mapping[str, Price] = field(default_factory=dict)
    by_hand: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def changed(self) -> list[str]:
        """Return the prices whose figures are others than before."""
        return [
            key for key, price in self.renewed.items() if (old := self.before.get(key)) and old.tiers != price.tiers
        ]

    def document(self) -> dict[str, object]:
        """Return the renewal as JSON's plain types."""
        return {
            "region": self.region,
            "renewed": sorted(self.renewed),
            "changed": {key: str(self.renewed[key].usd) for key in self.changed()},
            "byHand": self.by_hand,
            "problems": self.problems,
        }


def refresh(region: str, base: str = PRICE_LIST) -> Renewal:
    """Renew the sheet of a region, or make its first one; what cannot be found keeps the figure it had.

    Raises:
        UserError: The price list cannot be reached.

    """
    if not base.startswith(("https://", "http://")):
        raise UserError(f"{base} is not a web address.", hint=f"The price list is at {PRICE_LIST}.")
    exists = region in sheet_regions()
    template = load_sheet(region if exists else TEMPLATE)
    renewal = Renewal(region, before=template.prices if exists else {})
    offers: dict[tuple[str, str], dict[str, Price]] = {}
    for key, price in template.prices.items():
        if price.usage_type:
            offers.setdefault((price.offer, price.scope), {})[key] = price
        else:
            renewal.by_hand.append(key)
    unread: list[str] = []
    for (offer, scope), wanted in offers.items():
        place = f"{region}/" if scope == "region" else ""
        try:
            with _rows(f"{base}/offers/v1.0/aws/{offer}/current/{place}index.csv") as (day, rows):
                _renew(renewal, wanted, template, day, rows)
        except OSError as error:
            unread.append(_reason(error))
            renewal.problems |= dict.fromkeys(wanted, f"{offer} could not be read: {unread[-1]}")
    if len(unread) == len(offers):
        raise UserError(
            f"The price list at {base} cannot be reached: {unread[0]}",
            hint="It needs no account, only the network. The sheet was left as it is.",
            code=Exit.FAILED,
        )
    _write(renewal, template)
    return renewal


@contextmanager
def _rows(url: str) -> Iterator[tuple[date, Iterator[Row]]]:
    """Yield the day of an offer's file and its rows, read as they come: the largest file has hundreds of megabytes."""
    request = Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310 the scheme is checked
    with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 as above
        zipped = answer.headers.get("Content-Encoding") == "gzip"
        text = io.TextIOWrapper(gzip.GzipFile(fileobj=answer) if zipped else answer, encoding="utf-8", newline="")
        lines = csv.reader(text)
        day, header = None, None
        for line in lines:
            if line[0] == "Publication Date":
                day = date.fromisoformat(line[1][:10])
            elif line[0] == "SKU":
                header = line
                break
        if day is None or header is None:
            raise OSError(f"{url} is not a file of the price list")
        names = header
        yield day, (dict(zip(names, line, strict=False)) for line in lines)


def _reason(error: OSError) -> str:
    """Return why an offer could not be read, and let go of what the error holds open."""
    if isinstance(error, HTTPError):
        error.close()
    return str(getattr(error, "reason", error))


def _renew(renewal: Renewal, wanted: Mapping[str, Price], template: PriceSheet, day: date, rows: Iterator[Row]) -> None:
    found: dict[str, dict[str, list[Row]]] = {key: {} for key in wanted}
    for row in rows:
        if row.get("TermType") != "OnDemand" or row.get("Currency") != template.currency:
            continue
        for key, price in wanted.items():
            columns = template.filters.get(price.filter, {})
            if _is_usage(row.get("usageType", ""), price.usage_type) and columns.items() <= row.items():
                found[key].setdefault(row["SKU"], []).append(row)
    for key, products in found.items():
        figures = {_tiers(product) for product in products.values()}
        if len(figures) == 1:
            renewal.renewed[key] = _renewed(wanted[key], figures.pop(), day)
        elif not figures:
            renewal.problems[key] = f"{wanted[key].offer} lists no {wanted[key].usage_type}"
        else:
            renewal.problems[key] = f"{wanted[key].offer} lists {len(figures)} prices for {wanted[key].usage_type}"


def _is_usage(given: str, wanted: str) -> bool:
    return given.endswith(wanted) and (
        given == wanted or _REGION_PREFIX.fullmatch(given.removesuffix(wanted)) is not None
    )


def _tiers(product: Sequence[Row]) -> tuple[tuple[Decimal | None, Decimal], ...]:
    """Return a product's prices by rising volume: the end of each range and what one unit costs."""
    ranges = sorted((Decimal(row["StartingRange"] or 0), row["EndingRange"], row["PricePerUnit"]) for row in product)
    return tuple((None if end in {"", "Inf"} else Decimal(end), Decimal(usd)) for _, end, usd in ranges)


def _renewed(price: Price, figures: Sequence[tuple[Decimal | None, Decimal]], day: date) -> Price:
    free = price.free
    if len(figures) > 1 and not figures[0][1]:
        # A first range for nothing is what every account gets; here that is no tier.
        free, figures = figures[0][0] or free, figures[1:]
    tiers = tuple(Tier(limit, _trimmed(usd * price.per)) for limit, usd in figures)
    return price.model_copy(update={"tiers": tiers, "date": day, "free": free, "source": _SOURCE})


def _trimmed(number: Decimal) -> Decimal:
    """Return a price with two decimals at least and no more than it needs."""
    shortest = number.normalize()
    exponent = shortest.as_tuple().exponent
    return shortest if isinstance(exponent, int) and exponent <= -2 else number.quantize(Decimal("0.01"))  # noqa: PLR2004 cents


def _write(renewal: Renewal, template: PriceSheet) -> None:
    """Write the sheet in the form it has: one line a price, in the order of the template."""
    kept = {key: price for key, price in renewal.before.items() if key not in renewal.renewed}
    text = sheet_file(template.region).read_text(encoding="utf-8")
    sheet_file(renewal.region).write_text(
        render(text.replace(template.region, renewal.region), kept | renewal.renewed), encoding="utf-8"
    )
    load_sheet.cache_clear()


def render(text: str, prices: Mapping[str, Price]) -> str:
    """Return a sheet's text with these prices; a price that is not among them has no line."""
    head, mark, listed = text.partition("\nprices:\n")
    lines: list[str] = []
    for line in listed.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            lines.append(line)
        elif price := prices.get(found[1]):
            flow = yaml.safe_dump(price.document(), default_flow_style=True, sort_keys=False, width=_ONE_LINE)
            lines.append(f"  {found[1]}: {flow.strip()}")
    return head + mark + "\n".join(lines) + "\n"
