"""docs/settings.md is what the models say, and the tables about AWS are what AWS's own data says."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.session import Session

from stacks import prices
from stacks.block import Settings
from stacks.forms import fields, form_at, homes, of_field
from stacks.reference import reference
from stacks.regions import GATEWAY_ENDPOINTS, INTERFACE_ENDPOINTS, REGIONS, TWO_ZONE_REGIONS
from stacks.rules.sizes import FARGATE
from stacks.rules.stack import RETENTION
from stacks.settings import StackSettings


def test_the_page_is_up_to_date(root: Path) -> None:
    page = (root / "docs" / "settings.md").read_text(encoding="utf-8")

    assert page == reference(), "run: python -m stacks.reference > docs/settings.md"


def _blocks(model: type[Settings]) -> list[type[Settings]]:
    forms = [of_field(field) for field in fields(model).values()]
    below = [form.model or (form.items.model if form.items else None) for form in forms]
    return [model, *(block for child in below if child is not None for block in _blocks(child))]


@pytest.mark.parametrize("model", _blocks(StackSettings), ids=lambda model: model.__name__)
def test_every_setting_is_explained_and_in_the_page(model: type[Settings]) -> None:
    page = reference()
    for key, field in fields(model).items():
        assert field.description, f"{model.__name__}.{key} has no docstring"
        assert f"| `{key}` |" in page


def test_regions_are_those_botocore_knows() -> None:
    assert set(Session().get_available_regions("ec2")) == REGIONS
    assert TWO_ZONE_REGIONS <= REGIONS


def test_endpoints_are_either_of_the_gateway_or_of_the_interface_kind() -> None:
    assert not GATEWAY_ENDPOINTS & INTERFACE_ENDPOINTS
    assert {"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssmmessages", "kms", "sts"} <= INTERFACE_ENDPOINTS


def test_retention_is_what_the_api_accepts() -> None:
    # The API's own model does not list the periods; these are in its documentation.
    model = Session().get_service_model("logs").operation_model("PutRetentionPolicy")
    documented = model.input_shape.members["retentionInDays"].documentation

    assert all(f"{days}" in documented for days in RETENTION)


@pytest.mark.parametrize(
    ("cpu", "fewest", "most", "count"),
    [
        (256, 512, 2048, 3),
        (512, 1024, 4096, 4),
        (1024, 2048, 8192, 7),
        (2048, 4096, 16384, 13),
        (4096, 8192, 30720, 23),
        (8192, 16384, 61440, 12),
        (16384, 32768, 122880, 12),
    ],
)
def test_fargate_sizes(cpu: int, fewest: int, most: int, count: int) -> None:
    assert (FARGATE[cpu][0], FARGATE[cpu][-1], len(FARGATE[cpu])) == (fewest, most, count)


def test_costs_are_those_of_the_requirements() -> None:
    assert prices.monthly(prices.nat(1)) == "36.50 USD a month"
    assert prices.monthly(prices.endpoints(1, 1)) == "7.30 USD a month"
    assert prices.monthly(prices.public_tasks(1)) == "3.65 USD a month"


def test_a_key_finds_its_home() -> None:
    assert list(homes("snapStart")) == [("serverless", "snapStart")]
    assert ("services", "NAME", "size", "cpu") in list(homes("cpu"))
    assert form_at(("network", "nowhere", "deeper")) is None
