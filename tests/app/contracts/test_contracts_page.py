"""The page about the analyzer tells what it does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from app.services.contracts.settings import ContractsSettings
from tests.app.contracts.conftest import Start
from tests.app.contracts.test_analyze import ANALYZE

PAGE = (Path(__file__).resolve().parents[3] / "docs/contracts.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_example_is_answered_as_the_page_says(start: Start) -> None:
    request, body = block("http").strip().split("\n", 1)
    assert request == f"POST {ANALYZE}"
    answer = start(OPENAI_API_KEY="", GEMINI_API_KEY="").ask("POST", ANALYZE, json.loads(body)).json()
    shown = json.loads(block("json"))
    assert answer["hash"].startswith(shown.pop("hash").removesuffix("…"))
    assert {name: answer[name] for name in shown} == shown


def test_the_settings_of_the_page_exist_and_have_the_values_it_says() -> None:
    settings = ContractsSettings.from_environ({})
    known = {str(field.alias) for field in ContractsSettings.model_fields.values()}
    assert set(re.findall(r"CONTRACTS_[A-Z_]+", PAGE)) <= known
    assert (settings.daily_budget, settings.upload_bytes) == (5, 5 * 1024 * 1024)


def test_the_costs_of_the_page_are_what_the_prices_make() -> None:
    settings = ContractsSettings.from_environ({})
    costs: list[float] = []
    for name, model in (("cheap", settings.openai_cheap), ("strong", settings.openai_strong)):
        cells = rf"\| {name} model \| ([\d,]+) / ([\d,]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) \|"
        row = re.search(cells, PAGE)
        assert row is not None
        assert model is not None
        assert (model.input, model.output) == (float(row[3]), float(row[4]))
        cost = model.cost(int(row[1].replace(",", "")), int(row[2].replace(",", ""))) / 1_000_000
        assert cost == float(row[5])
        costs.append(cost)
    together = re.search(r"^\| 80 % known, 15 % cheap, 5 % strong \| \| \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert together is not None
    assert round(0.15 * costs[0] + 0.05 * costs[1], 6) == float(together[1])
