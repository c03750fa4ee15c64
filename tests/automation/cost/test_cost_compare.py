"""Lambda, Fargate and EKS side by side: curves, break-evens, the picture."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.cost.chart import short, write_chart
from automation.cost.compare import POINTS, REQUESTS, BreakEven, Comparison, Workload, break_even, compare
from automation.cost_cli import sheet_for, workload
from automation.errors import UserError
from stacks.prices import cents
from stacks.prices.sheet import sheet_regions
from stacks.settings import Architecture, Compute, FrontDoorKind, ServiceSettings, StackSettings
from tests.automation.cost.conftest import SHEET, usage

LAMBDA, FARGATE, EKS = Compute.LAMBDA, Compute.FARGATE, Compute.EKS

WORKLOADS = st.builds(
    Workload,
    name=st.just("api"),
    memory=st.sampled_from([512, 1024, 2048, 8192]),
    cpu=st.sampled_from([256, 512, 1024, 4096]),
    function_architecture=st.sampled_from(Architecture),
    task_architecture=st.sampled_from(Architecture),
    fewest_tasks=st.integers(0, 10),
    public_tasks=st.booleans(),
    front_door=st.sampled_from(FrontDoorKind),
    zones=st.integers(2, 3),
)


def compared(**settings: object) -> Comparison:
    return compare(Workload(name="api", **settings), usage(), SHEET)  # pyright: ignore[reportArgumentType]


def test_figures_by_hand() -> None:
    # A million requests of 100 ms with 1 GB on arm64, an HTTP API; a task of 0.5 vCPU and 1 GB behind a balancer.
    costs = compared().costs
    million = Decimal(1_000_000)
    door, capacity = Decimal("1.00"), Decimal("0.008") * million / 25 / 3600
    task = (Decimal("0.5") * Decimal("0.03238") + Decimal("0.00356")) * 730
    nodes = 2 * (Decimal("0.0816") + Decimal("0.00979")) * 730 + 2 * 20 * Decimal("0.08")

    assert costs[LAMBDA](million) == Decimal("0.20") + Decimal("1.33334") + door
    assert costs[FARGATE](million) - task - Decimal("16.425") - door == pytest.approx(capacity)
    assert costs[EKS](million) - 73 - nodes - Decimal("16.425") - door == pytest.approx(capacity)


def test_break_evens_are_where_costs_cross() -> None:
    comparison = compared()

    assert [(found.before, found.after) for found in comparison.break_evens] == [
        (LAMBDA, FARGATE),
        (LAMBDA, EKS),
        (FARGATE, EKS),
    ]
    for found in comparison.break_evens[:2]:
        assert found.requests is not None
        before, after = comparison.costs[found.before], comparison.costs[found.after]
        assert after(found.requests) < before(found.requests)
        assert after(found.requests - 2) >= before(found.requests - 2)


def test_what_is_never_cheaper_is_said_to_be_so() -> None:
    found = compared().break_evens[2]

    assert found.requests is None
    assert found.sentence() == "EKS is never cheaper than Fargate here."


def test_a_pod_larger_than_a_node_takes_a_larger_node() -> None:
    # Of 2 vCPU, 1.93 are left for pods: two pods of 4 vCPU need 8 / 1.93 of such nodes.
    requests = Decimal(1)
    nodes = (compared(cpu=4096).costs[EKS](requests) - Decimal("89.43")) / Decimal("68.31")

    assert nodes == pytest.approx(Decimal(5), abs=Decimal("0.01"))


@settings(max_examples=25, deadline=None)
@given(WORKLOADS)
def test_costs_rise_with_traffic_on_every_compute(load: Workload) -> None:
    for cost in compare(load, usage(), SHEET).costs.values():
        values = [cost(point) for point in POINTS[::10]]
        assert values[0] > 0
        assert all(low <= high for low, high in itertools.pairwise(values))


@settings(max_examples=25, deadline=None)
@given(WORKLOADS)
def test_the_cheapest_changes_where_a_break_even_says(load: Workload) -> None:
    comparison = compare(load, usage(), SHEET)

    for found in comparison.break_evens:
        beyond = [point for point in POINTS if found.requests and point >= found.requests]
        assert all(comparison.costs[found.after](each) < comparison.costs[found.before](each) for each in beyond)
        if found.requests is None:
            assert comparison.costs[found.after](POINTS[-1]) >= comparison.costs[found.before](POINTS[-1])


def test_what_is_cheaper_from_the_start_is_said_to_be_so() -> None:
    assert BreakEven(FARGATE, EKS, Decimal(1), Decimal(9)).sentence() == "EKS is cheaper than Fargate at any traffic."


def test_a_scaling_target_that_asks_for_more_tasks_is_said() -> None:
    assert any("requestsPerTarget is 100" in text for text in compared(requests_per_target=100).assumptions)
    assert not any("requestsPerTarget" in text for text in compared(requests_per_target=6000).assumptions)


def test_a_compute_without_prices_is_left_out_and_named() -> None:
    without = {key: price for key, price in SHEET.prices.items() if not key.startswith("eks.")}
    sheet = SHEET.model_copy(update={"prices": without})
    comparison = compare(Workload(name="api"), usage(), sheet)

    assert set(comparison.costs) == {LAMBDA, FARGATE}
    assert len(comparison.break_evens) == 1
    assert comparison.assumptions[0] == "EKS is not compared: the price sheet of us-east-1 has no eks.auto.m7g.large"


def test_a_sheet_without_any_of_them_is_refused() -> None:
    sheet = SHEET.model_copy(update={"prices": {"dashboard": SHEET.prices["dashboard"]}})
    with pytest.raises(UserError) as refused:
        compare(Workload(name="api"), usage(), sheet)

    assert "Lambda is not compared" in refused.value.hint


def test_a_fixed_price_is_cheaper_from_the_next_whole_request() -> None:
    assert break_even(Decimal("0.30"), Decimal(1)) == 4


def test_a_stack_says_what_is_compared() -> None:
    settings = StackSettings(
        environment="dev", services={"a": ServiceSettings(route="/"), "b": ServiceSettings(route="/b")}
    )

    assert workload(settings, "b").name == "b"
    with pytest.raises(UserError) as unsaid:
        workload(settings, None)
    with pytest.raises(UserError) as unknown:
        workload(settings, "c")
    assert "a, b" in unsaid.value.hint
    assert "a, b" in unknown.value.hint


def test_prices_of_another_region_are_never_taken() -> None:
    assert sheet_regions() == ["us-east-1"]
    with pytest.raises(UserError) as refused:
        sheet_for("eu-central-1")

    assert "modeshift cost refresh --region eu-central-1" in refused.value.hint


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_comparison_gives_the_same_picture(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        write_chart(compared(), tmp_path / name / f"chart{suffix}")

    assert (tmp_path / f"one/chart{suffix}").read_bytes() == (tmp_path / f"two/chart{suffix}").read_bytes()


def test_the_picture_names_lines_and_marks_break_evens(tmp_path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 only charts need it

    with mpl.rc_context({"svg.fonttype": "none"}):
        write_chart(compared(), tmp_path / "chart.svg")
    texts = [
        text.strip() for each in ET.parse(tmp_path / "chart.svg").iter() for text in each.itertext() if text.strip()
    ]

    assert {"Lambda", "Fargate", "EKS", "requests a month", "USD a month"} <= set(texts)
    found = compared().break_evens[0]
    assert found.requests is not None
    assert found.cost is not None
    assert any(short(found.requests) in text and f"{found.cost:,.0f} USD" in text for text in texts)
    assert "usage: 100 k" in texts


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        write_chart(compared(), tmp_path / "chart.gif")


@pytest.mark.parametrize(("number", "text"), [(950, "950"), (21_352_402, "21.4 M"), (10**9, "1 bn"), (10**4, "10 k")])
def test_large_numbers_are_short(number: int, text: str) -> None:
    assert short(Decimal(number)) == text


def test_the_document_holds_table_and_break_evens() -> None:
    document = compared().document()

    assert [row["requests"] for row in document["rows"]] == [int(each) for each in REQUESTS]
    assert document["rows"][0]["lambda"] == str(cents(compared().costs[LAMBDA](REQUESTS[0])))
    assert [found["after"] for found in document["breakEvens"]] == ["fargate", "eks", "eks"]
