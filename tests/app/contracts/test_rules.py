"""Each rule finds the weakness it is about, in its line, and does not find it where it was mended."""

from __future__ import annotations

import pytest

from app.services.contracts.analysis import MOST_FINDINGS, analyze
from app.services.contracts.models import SEVERITIES
from app.services.contracts.rules import RULES
from tests.app.contracts.weaknesses import PAIRS, bank

CASES = [(rule, *pair) for rule, pairs in PAIRS.items() for pair in pairs]
WELL_KEPT = """\
// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

contract Vault {
    address public immutable owner;
    mapping(address => uint256) public balances;

    error Refused();

    constructor(address keeper) {
        if (keeper == address(0)) revert Refused();
        owner = keeper;
    }

    function deposit() external payable {
        balances[msg.sender] += msg.value;
    }

    function withdraw(uint256 amount) external {
        balances[msg.sender] -= amount;
        (bool sent, ) = msg.sender.call{value: amount}("");
        if (!sent) revert Refused();
    }
}
"""


def found(source: str, rule: str) -> list[int]:
    """Return the lines where a rule finds something."""
    return [finding.line for finding in analyze(source, 10).findings if finding.rule == rule]


@pytest.mark.parametrize(("rule", "weak", "mended"), CASES)
def test_a_rule_tells_the_weak_from_the_mended(rule: str, weak: str, mended: str) -> None:
    marked = [number for number, line in enumerate(weak.splitlines(), 1) if "//!" in line]
    assert analyze(weak, 10).syntax_errors == []
    assert found(weak, rule) == marked
    assert found(mended, rule) == []


def test_every_rule_has_a_pair_and_says_what_it_is_about() -> None:
    assert {rule.id for rule in RULES} == set(PAIRS)
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.severity in SEVERITIES
        assert rule.reference.startswith("https://")
        assert rule.advice.endswith("."), rule.id


def test_a_contract_that_is_well_kept_has_no_findings() -> None:
    analysis = analyze(WELL_KEPT, 10)
    assert analysis.findings == []
    assert analysis.syntax_errors == []


def test_a_finding_says_where_it_is() -> None:
    [finding] = [
        each
        for each in analyze("contract A { function f() public {\n  /* ö */ throw;\n} }", 10).findings
        if each.rule == "deprecated-name"
    ]
    assert (finding.line, finding.column, finding.contract, finding.function) == (2, 11, "A", "f")
    assert finding.detail == "`throw` is called `revert()` today."


def test_the_gravest_are_kept_where_there_are_too_many() -> None:
    noise = [f"uint256 v{number};" for number in range(2 * MOST_FINDINGS)]
    loops = [f"function f{n}() external {{ for (;;) {{ balances[tx.origin] = msg.value; }} }}" for n in range(100)]
    ends = [f"function g{n}() external {{ selfdestruct(payable(owner)); }}" for n in range(60)]
    assemblies = [f"function h{n}() external {{ assembly {{ }} throw; owner.transfer(1); }}" for n in range(60)]
    analysis = analyze(bank(*noise, *loops, *ends, *assemblies), 10)
    assert len(analysis.findings) == MOST_FINDINGS
    assert analysis.findings_left_off > 0
    assert {"critical", "high"} <= {finding.severity for finding in analysis.findings}
    assert [each.line for each in analysis.findings] == sorted(each.line for each in analysis.findings)
    assert sum(each.rule == "unprotected-selfdestruct" for each in analysis.findings) == 50
