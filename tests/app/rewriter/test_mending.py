"""What is rewritten by a table means the same, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.rewriter.mending import mend, signatures

OLD = """\
pragma solidity 0.4.24;

contract Wallet {
    address owner;

    function end(bytes32 seed) {
        if (msg.sender != owner) throw;
        bytes32 x = sha3(seed, now, block.blockhash(1));
        suicide(owner);
    }

    function gas() internal returns (uint) { return msg.gas; }
}
"""
NEW = """\
pragma solidity 0.4.24;

contract Wallet {
    address owner;

    function end(bytes32 seed) public {
        if (msg.sender != owner) revert();
        bytes32 x = keccak256(seed, block.timestamp, blockhash(1));
        selfdestruct(owner);
    }

    function gas() internal returns (uint) { return gasleft(); }
}
"""
KEPT = [
    "contract A { function f(uint now) public returns (uint) { return now; } }",
    "contract A { uint now; function f() public returns (uint) { return now; } }",
    "contract A { function f() public { uint sha3 = 1; sha3++; } }",
    'contract A { string s = "now throw"; /* suicide(now) */ }',
    "interface I { function f(); }",
    "contract A { constructor() { } fallback() external { } receive() external payable { } }",
]


def test_names_that_are_gone_are_replaced_and_visibility_is_said() -> None:
    mended, changes = mend(OLD, 10)
    assert mended == NEW
    assert [change.line for change in changes] == [6, 7, 8, 8, 8, 9, 12]
    assert changes[0].what == "`end` says that it is public."
    assert changes[1].what == "`throw` is `revert()` today."
    assert {change.origin for change in changes} == {"table"}


def test_what_is_mended_stays_as_it_is() -> None:
    assert mend(NEW, 10) == (NEW, [])


@pytest.mark.parametrize("source", KEPT)
def test_what_only_looks_alike_is_kept(source: str) -> None:
    assert mend(source, 10) == (source, [])


@given(st.one_of(st.text(), st.lists(st.sampled_from([*OLD.split(" "), "ä", "{", "}"]), max_size=60).map(" ".join)))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_sent(source: str) -> None:
    mended, changes = mend(source, 10)
    assert changes or mended == source
    assert len(mended) >= len(source) - len("block.blockhash") * len(changes)


def test_what_takes_too_long_stays_as_it_is() -> None:
    source = OLD * 3_000
    assert mend(source, 0) == (source, [])


def test_what_others_can_call_is_told_apart() -> None:
    assert signatures(OLD, 10) == {"Wallet", "Wallet.end(bytes32)"}
    with pytest.raises(ValueError, match="no Solidity in line 1"):
        signatures("contract {", 10)
