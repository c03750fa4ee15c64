"""The language of value rules."""

from __future__ import annotations

import pytest

from sandbox.control.rules import compile_rule
from sandbox.control.wire import Value


@pytest.mark.parametrize(
    ("rule", "good", "bad", "words"),
    [
        ("1..65535", [1, 65535, "80"], [0, 65536, "x"], "expected name to be in the range (1 - 65535)"),
        ("-1..", [-1, 7], [-2], "expected name to be at least (-1)"),
        ("0.1..99.9", [0.1, 50], [0.05, 100], "in the range (0.1 - 99.9)"),
        ("len 1..3", ["a", "abc"], ["", "abcd"], "expected length of name to be in the range (1 - 3)"),
        ("items 1..2", [["a"], ["a", "b"]], [["a", "b", "c"]], "supports 2 item maximum"),
        ("items 1..2", [], [[]], "requires 1 item minimum"),
        ("^[a-z]+$", ["abc"], ["a1"], 'invalid value for name (must match regular expression "^[a-z]+$")'),
        ("len 1..3; ^a", ["ab"], ["ba"], "must match"),
        (["HTTP", "HTTPS"], ["HTTP"], ["http"], 'expected name to be one of ["HTTP" "HTTPS"], got http'),
        ([60, 600], [60, "60"], [61], "one of"),
        ("json", ['{"a": 1}'], ["{"], '"name" contains an invalid JSON'),
        ("arn", ["arn:aws:iam::123456789012:role/x"], ["arn:aws:x"], "is an invalid ARN: arn: not enough sections"),
        ("arn", [], ["role/x"], "is an invalid ARN: arn: invalid prefix"),
        ("cidr", ["10.0.0.0/16", "::/0"], ["10.0.0.1/16"], 'did you mean "10.0.0.0/16"?'),
        ("cidr", [], ["10.0.0.0", "ten"], "is not a valid CIDR block"),
        ("ip", ["10.0.0.1", "::1"], ["10.0.0.256"], "expected name to contain a valid IP"),
    ],
)
def test_a_rule_accepts_and_refuses_in_the_providers_words(
    rule: str | list[Value], good: list[Value], bad: list[Value], words: str
) -> None:
    judge = compile_rule(rule)
    for value in good:
        assert judge("name", value, str(value)) is None
    for value in bad:
        problem = judge("name", value, str(value))
        assert problem is not None
        assert words in problem or len(bad) > 1
    assert any(words in str(judge("name", value, str(value))) for value in bad)


def test_the_shown_value_is_what_is_told() -> None:
    problem = compile_rule(["a"])("name", "hunter2", "[secret]")
    assert problem is not None
    assert "hunter2" not in problem
