"""Words of the language that came and went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GONE: Final[Mapping[str, str]] = {
    "now": "block.timestamp",
    "suicide": "selfdestruct",
    "sha3": "keccak256",
    "throw": "revert()",
    "msg.gas": "gasleft()",
    "block.blockhash": "blockhash",
}
"""Names that the language has given up, and what took their place."""
