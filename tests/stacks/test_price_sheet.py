"""The price sheet: each price has a unit, a source and a day, and no text in the repository says another figure."""

from __future__ import annotations

import ast
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from stacks.prices import cents
from stacks.prices.sheet import Price, load_sheet, sheet_regions

SHEET = load_sheet("us-east-1")
HOURS = 730

# What else a docstring may say: amounts that are no price, or a price from a table of its own.
NO_PRICES = {"0.5", "0.02", "1.6"}


def test_there_is_a_sheet() -> None:
    assert sheet_regions() == ["us-east-1"]
    assert SHEET.region == "us-east-1"
    assert date(2025, 1, 1) < SHEET.oldest <= SHEET.newest


@pytest.mark.parametrize("key", SHEET.prices)
def test_every_price_has_a_unit_a_source_and_a_day(key: str) -> None:
    price = SHEET.prices[key]

    assert price.unit
    assert price.source
    assert bool(price.offer) == bool(price.usage_type)
    assert price.offer or price.source != "AWS public price list", "a figure of the price list names its offer"
    assert not price.filter or price.filter in SHEET.filters
    assert price.date <= date.today()  # noqa: DTZ011 a day has no time zone


@pytest.mark.parametrize("key", SHEET.prices)
def test_tiers_rise_in_volume_and_fall_in_price(key: str) -> None:
    tiers = SHEET.prices[key].tiers
    limits = [limit for limit, _ in tiers[:-1]]

    assert tiers[-1].limit is None
    assert limits == sorted(limits, key=lambda limit: limit or Decimal(0))
    assert [usd for _, usd in tiers] == sorted((usd for _, usd in tiers), reverse=True)
    assert all(usd > 0 for _, usd in tiers)


def test_every_filter_is_used() -> None:
    assert {price.filter for price in SHEET.prices.values()} - {""} == set(SHEET.filters)


def test_tiers_add_up() -> None:
    price = SHEET.prices["apigateway.http"]

    assert price.cost(Decimal(400_000_000)) == 300 * Decimal("1.00") + 100 * Decimal("0.90")


@pytest.mark.parametrize(
    "wrong",
    [
        {"usd": "1"},
        {"usd": "x", "unit": "hours", "date": "2026-01-01"},
        {"unit": "hours", "date": "2026-01-01", "usd": "1", "foo": 1},
    ],
)
def test_a_price_that_is_not_one_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate(wrong)


def known_figures() -> set[Decimal]:
    """Return what the sheet's prices are for one unit, as many as a price is quoted for, and a month of hours."""
    found: set[Decimal] = set()
    for price in SHEET.prices.values():
        for _, usd in price.tiers:
            found |= {usd, usd / price.per}
            if "hours" in price.unit:
                found.add(cents(usd * HOURS))
    prices = SHEET.prices
    polls = Decimal(HOURS * 3600 // 20) * prices["sqs.standard"].usd
    found |= {cents(polls), cents(5 * polls), round(prices["lambda.duration.arm64"].usd * 60, 4)}
    found |= {cents(prices["rds.proxy"].usd * 2 * HOURS), cents(prices["cache.storage.valkey"].usd / 10 * HOURS)}
    month = {key: prices[key].usd * HOURS for key in ("nat.hours", "ipv4.hours", "alb.hours")}
    found |= {cents(month["nat.hours"] + month["ipv4.hours"]), cents(month["alb.hours"] + 2 * month["ipv4.hours"])}
    for processor in ("arm64", "x86_64"):
        task = prices[f"fargate.vcpu.{processor}"].usd / 2 + prices[f"fargate.gb.{processor}"].usd
        found.add(cents(task * HOURS))
        found.add(cents(prices[f"lambda.provisioned.{processor}"].usd * HOURS * 3600))
    return found


def costs_in_docstrings(path: Path) -> set[str]:
    """Return every amount with decimals in a docstring that talks about money, from the word on."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
            text = ast.get_docstring(node) or ""
            if cost := re.search(r"Costs?\b.*?(?:\n\n(?!\s*\|)|$)|USD.*", text, re.DOTALL):
                found |= set(re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)", cost[0]))
    return found


def test_components_say_what_the_sheet_says(root: Path) -> None:
    said = {path.stem: costs_in_docstrings(path) for path in sorted((root / "components").glob("*.py"))}
    known = known_figures()

    assert sum(len(figures) for figures in said.values()) > 15, "docstrings say their costs differently now"
    assert {
        stem: wrong
        for stem, figures in said.items()
        if (wrong := {figure for figure in figures - NO_PRICES if Decimal(figure) not in known})
    } == {}


def test_a_figure_of_its_own_is_seen(tmp_path: Path) -> None:
    (tmp_path / "door.py").write_text('class Door:\n    """A door.\n\n    Cost: 17.00 USD a month.\n    """\n')

    assert costs_in_docstrings(tmp_path / "door.py") == {"17.00"}
    assert Decimal("17.00") not in known_figures()
