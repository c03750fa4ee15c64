"""How a rehearsal's plan is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import Exit, UserError
from automation.rehearse.plans import Kind, Plan, parse
from stacks.settings import Compute


@pytest.mark.parametrize(
    "text", ["shift:lambda→fargate", "shift:lambda->fargate", "shift:lambda>fargate", " Shift: Lambda → FARGATE "]
)
def test_an_arrow_may_be_written_as_keyboards_have_it(text: str) -> None:
    assert parse(text) == Plan(kind=Kind.SHIFT, origin=Compute.LAMBDA, target=Compute.FARGATE)


@pytest.mark.parametrize("origin", list(Compute))
@pytest.mark.parametrize("target", list(Compute))
def test_every_shift_can_be_named_and_reads_back(origin: Compute, target: Compute) -> None:
    text = f"shift:{origin}→{target}"
    if origin is target:
        with pytest.raises(UserError, match="goes nowhere"):
            parse(text)
    else:
        assert parse(text).words == text


@pytest.mark.parametrize(("text", "factor"), [("spike", 3), ("spike:5", 5), ("spike:x2.5", 2.5), ("spike:4×", 4)])
def test_a_spike_may_say_how_high(text: str, factor: float) -> None:
    assert parse(text) == Plan(kind=Kind.SPIKE, factor=factor)


@pytest.mark.parametrize(
    "text",
    [
        *("", "shift", "shift:lambda", "shift:lambda→ec2", "shift:lambda→fargate→eks", "deploy:now", "restart"),
        *("zone-loss:us-east-1a", "spike:1", "spike:0.5", "spike:many", "spike:21", "spike:-3"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(text)
    assert refused.value.code is Exit.USAGE
    assert refused.value.hint


@given(st.text(max_size=40))
def test_no_text_does_anything_else_than_be_refused(text: str) -> None:
    try:
        assert parse(parse(text).words) == parse(text)
    except UserError as refused:
        assert refused.hint  # noqa: PT017 - what is expected is that nothing else is raised
