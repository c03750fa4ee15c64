"""Whether one grant covers another is decided soundly: what is covered can do nothing that its cover cannot."""

from __future__ import annotations

import fnmatch
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.plan.iam import Grant, gained, grants
from automation.plan.values import Hidden

_patterns = st.text("ab*?", max_size=5)
_texts = ["".join(letters) for length in range(5) for letters in itertools.product("ab", repeat=length)]


def held(pattern: str) -> set[str]:
    return {text for text in _texts if fnmatch.fnmatchcase(text, pattern)}


@settings(deadline=None)
@given(_patterns, _patterns)
def test_a_cover_holds_all_that_it_covers(one: str, other: str) -> None:
    if Grant(True, "s3:*", one).covers(Grant(True, "s3:Get", other)):
        assert held(other) <= held(one)


@settings(deadline=None)
@given(_patterns)
def test_everything_covers_and_covers_itself(pattern: str) -> None:
    assert Grant(True, "*", "*").covers(Grant(True, "s3:Get", pattern))
    assert Grant(True, "a", pattern).covers(Grant(True, "a", pattern))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Grant(True, "a", "b", condition="c"), Grant(True, "a", "b")),
        (Grant(True, "a", "b", principal="x"), Grant(True, "a", "b", principal="*")),
        (Grant(False, "*", "*"), Grant(True, "a", "b")),
        (Grant(True, "a", "B"), Grant(True, "a", "b")),
        (Grant(True, "a", "b?"), Grant(True, "a", "b*")),
    ],
)
def test_less_covers_no_more(one: Grant, other: Grant) -> None:
    assert not one.covers(other)


def test_what_is_gained_leaves_out_what_another_gain_covers() -> None:
    before, after = (
        [Grant(True, "s3:Get*", "r")],
        [Grant(True, "s3:GetObject", "r"), Grant(True, "*", "r"), Grant(True, "a", "r")],
    )
    assert gained(before, after) == [Grant(True, "*", "r")]


def test_a_document_nobody_knows_grants_nothing_certain() -> None:
    assert grants(Hidden.UNKNOWN) is None
    assert grants({"Statement": [{"Effect": "Allow", "Action": "a", "Resource": Hidden.UNKNOWN}]}) is None
    assert grants(None) == frozenset()


def test_exceptions_stay_what_they_are() -> None:
    (grant,) = (
        grants(
            {"Statement": {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*", "Principal": {"AWS": "arn:x"}}}
        )
        or ()
    )
    assert (grant.action, grant.principal) == ("anything except iam:*", "arn:x")
