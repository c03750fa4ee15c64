"""What is said of a source besides findings, and what a hostile one can do: nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.contracts.analysis import analyze
from tests.app.contracts.weaknesses import PAIRS

DEEP = 10_000
PIECES = [piece for pairs in PAIRS.values() for pair in pairs for piece in pair[0].split(" ")]
HOSTILE = {
    "brackets": "contract A { function f() public { x = " + "(" * DEEP + "1" + ")" * DEEP + "; } }",
    "blocks": "contract A { function f() public " + "{" * DEEP + "}" * DEEP + " }",
    "brackets that stay open": "(" * DEEP,
    "blocks that stay open": "contract A { function f() public " + "{" * DEEP,
    "indexes": "contract A { function f() public { x = a" + "[" * DEEP + "; } }",
    "negations": "contract A { function f() public { x = " + "!" * DEEP + "a; } }",
    "sums": "contract A { function f() public { x = " + "a + " * DEEP + "b; } }",
    "choices": "contract A { function f() public { x = " + "a ? b : " * DEEP + "c; } }",
    "conditions": "contract A { function f() public { " + "if (msg.sender == a) " * DEEP + "b; } }",
    "members": "contract A { function f() public { x" + ".call" * DEEP + '(""); y = 1; } }',
    "calls of calls": "contract A { function f() public { x" + "(1)" * DEEP + "; } }",
    "hashes of hashes": "contract A { function f() public { x = " + "keccak256(" * DEEP + "now" + ")" * DEEP + "; } }",
    "requires": "contract A { function f() public { " + "require(" * DEEP + "a" + ")" * DEEP + "; } }",
    "mappings": "contract A { " + "mapping(uint => " * DEEP + "uint" + ")" * DEEP + " x; }",
    "ancestors": "".join(f"contract A{n} is A{n - 1} {{ uint v; }}\n" for n in range(3_000)),
    "circles": "contract A is B { } contract B is A { } contract C is C { }",
    "quotes": '"' * DEEP,
    "comments": "/*" * DEEP,
    "control characters": "".join(map(chr, range(32))) * 1_000,
    "one long line": "contract A { " + "function f() public { throw; } " * 2_000 + "}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_source_ends_in_an_answer(name: str) -> None:
    analysis = analyze(HOSTILE[name], 5)
    assert analysis.metrics.bytes == len(HOSTILE[name].encode())


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join)))
@settings(max_examples=200, deadline=None)
def test_any_text_ends_in_an_answer(source: str) -> None:
    lines = max(len(source.splitlines()), source.count("\n") + 1)
    analysis = analyze(source, 10)
    for place in [*analysis.findings, *analysis.syntax_errors]:
        assert 1 <= place.line <= lines
        assert place.column >= 1


def test_a_source_is_measured() -> None:
    metrics = analyze(
        "interface I { function f() external; }\nlibrary L { }\ncontract C { constructor() { } modifier m() { _; } }\n"
        "function free() pure { }\n",
        10,
    ).metrics
    assert (metrics.contracts, metrics.functions, metrics.lines) == (3, 4, 4)


def test_syntax_errors_have_a_place_and_the_rest_is_analyzed() -> None:
    analysis = analyze("contract A { function f() public { throw; } }\n\ncontract B { function }\n", 10)
    assert [problem.line for problem in analysis.syntax_errors] == [3]
    assert "deprecated-name" in {finding.rule for finding in analysis.findings}


def test_what_is_no_solidity_is_all_errors() -> None:
    analysis = analyze("SELECT * FROM users;", 10)
    assert analysis.metrics.contracts == 0
    assert analysis.syntax_errors


def test_time_that_is_over_is_said_and_what_was_found_until_then_is_kept() -> None:
    source = "contract A { function f() public { throw; } }\n" * 3_000
    analysis = analyze(source, 0)
    assert analysis.notes == ["The rules were stopped after 0 s; there may be more to find."]
    assert analysis.metrics.lines == 3_000


def test_a_function_that_is_too_long_is_said() -> None:
    assert analyze("contract A { function f() public { " + "a; " * 60_000 + "} }", 10).notes == [
        "A function is too long to be looked at as a whole; its end was left out."
    ]
