"""The recommendation follows from numbers: never what cannot run the service, the cheapest of the rest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.cost.compare import TITLES, BreakEven
from automation.modes.advice import Advice, Candidate, advise
from stacks.prices import cents
from stacks.settings import Compute

COMPUTES = list(Compute)
MILLION = Decimal(1_000_000)

prices = st.none() | st.decimals(0, 500, places=3) | st.sampled_from([Decimal(5), Decimal("5.004")])
reasons = st.lists(st.sampled_from(["it opens raw sockets", "60 s is too long"]), max_size=2, unique=True)
parts = st.lists(st.sampled_from(["function", "task", "load balancer", "cluster"]), min_size=1, max_size=4, unique=True)


@st.composite
def fields(draw: st.DrawFn) -> list[Candidate]:
    return [
        Candidate(compute=compute, monthly=draw(prices), parts=draw(parts), blockers=draw(reasons))
        for compute in draw(st.permutations(COMPUTES))
    ]


def candidate(compute: Compute, monthly: str | None, parts: int = 1, *blockers: str) -> Candidate:
    cost = None if monthly is None else Decimal(monthly)
    return Candidate(compute=compute, monthly=cost, parts=["part"] * parts, blockers=blockers)


def of(advice: Advice, candidates: list[Candidate]) -> Candidate:
    return next(one for one in candidates if one.compute is advice.compute)


@given(fields())
def test_what_cannot_run_the_service_is_never_recommended(candidates: list[Candidate]) -> None:
    advice = advise("netprobe", MILLION, candidates, [])
    able = [one for one in candidates if not one.blockers]
    assert (advice.compute is None) == (not able)
    if able:
        assert not of(advice, candidates).blockers


@given(fields())
def test_nothing_that_could_run_it_is_cheaper_or_as_cheap_with_fewer_parts(candidates: list[Candidate]) -> None:
    advice = advise("netprobe", MILLION, candidates, [])
    priced = [one for one in candidates if not one.blockers and one.monthly is not None]
    if not priced:
        return
    chosen = of(advice, candidates)
    assert chosen.monthly is not None
    for other in priced:
        assert other.monthly is not None
        assert cents(chosen.monthly) <= cents(other.monthly)
        if cents(chosen.monthly) == cents(other.monthly):
            assert len(chosen.parts) <= len(other.parts)


@given(fields())
def test_the_order_of_the_candidates_decides_nothing_that_numbers_decide(candidates: list[Candidate]) -> None:
    one, other = (advise("netprobe", MILLION, each, []).compute for each in (candidates, candidates[::-1]))
    if one is not other:
        first, second = (next(each for each in candidates if each.compute is compute) for compute in (one, other))
        assert (first.monthly is None) == (second.monthly is None)
        assert len(first.parts) == len(second.parts)


@given(fields())
def test_the_sentence_names_what_is_recommended_and_every_blocker_of_something_cheaper(
    candidates: list[Candidate],
) -> None:
    advice = advise("netprobe", MILLION, candidates, [])
    assert advice.reason.endswith(".")
    if advice.compute is None:
        assert all(blocker in advice.reason for one in candidates for blocker in one.blockers)
        return
    assert advice.reason.startswith(TITLES[advice.compute] + ":")
    chosen = of(advice, candidates)
    for one in candidates:
        if one.blockers and chosen.monthly is not None and one.monthly is not None:
            cheaper = cents(one.monthly) < cents(chosen.monthly)
            assert (one.blockers[0] in advice.reason) >= cheaper


@pytest.mark.parametrize(
    ("candidates", "sentence"),
    [
        (
            [candidate(Compute.LAMBDA, "2.53"), candidate(Compute.FARGATE, "35.58", 4)],
            (
                "Lambda: at 1,000,000 requests a month it costs 2.53 USD, 33.05 less than Fargate; "
                "from 36,387,525 on Fargate is cheaper."
            ),
        ),
        (
            [candidate(Compute.LAMBDA, "2.53", 1, "no ICMP"), candidate(Compute.FARGATE, "35.58", 4)],
            "Fargate: it is the only one that can run it; Lambda cannot (no ICMP), or it would be cheaper.",
        ),
        (
            [candidate(Compute.FARGATE, "35.581", 4), candidate(Compute.EKS, "35.579", 7)],
            (
                "Fargate: at 1,000,000 requests a month it costs 35.58 USD, as much as EKS, "
                "with 4 moving parts instead of 7."
            ),
        ),
        (
            [candidate(Compute.LAMBDA, "2.53"), candidate(Compute.EKS, None, 7)],
            "Lambda: at 1,000,000 requests a month it costs 2.53 USD, EKS has no price here.",
        ),
        (
            [candidate(Compute.FARGATE, None, 4), candidate(Compute.EKS, None, 7)],
            "Fargate: nothing here has a price, and it has the fewest moving parts (part, part, part, part).",
        ),
        (
            [candidate(Compute.LAMBDA, "1", 1, "a"), candidate(Compute.FARGATE, "2", 1, "b", "c")],
            "None of them can run netprobe: Lambda cannot (a) and Fargate cannot (b, c).",
        ),
    ],
)
def test_it_says_why_in_one_sentence(candidates: list[Candidate], sentence: str) -> None:
    found = [BreakEven(Compute.LAMBDA, Compute.FARGATE, Decimal(36_387_525), Decimal(92))]
    assert advise("netprobe", MILLION, candidates, found).reason == sentence


def test_a_break_even_that_is_behind_or_of_what_cannot_run_it_is_not_announced() -> None:
    found = [
        BreakEven(Compute.LAMBDA, Compute.FARGATE, Decimal(10), Decimal(1)),
        BreakEven(Compute.LAMBDA, Compute.EKS, MILLION * 9, Decimal(1)),
    ]
    candidates = [
        candidate(Compute.LAMBDA, "1"),
        candidate(Compute.FARGATE, "2"),
        candidate(Compute.EKS, "3", 1, "no"),
    ]
    assert "cheaper" not in advise("netprobe", MILLION, candidates, found).reason
