"""Filter patterns of CloudWatch Logs: terms, and one equality in JSON.

Source: CloudWatch Logs user guide, filter pattern syntax.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from sandbox.workloads.api.protocol import AwsError

Filter = Callable[[str], bool]
_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_EQUALITY = re.compile(r'\{\s*\$\.([A-Za-z0-9_.-]+)\s*(!?=)\s*"([^"]*)"\s*\}')


def filter_of(pattern: str) -> Filter:
    """Return what tells whether a line matches a pattern.

    Raises:
        AwsError: The pattern is of a kind that the sandbox does not know.

    """
    pattern = pattern.strip()
    if not pattern:
        return lambda _: True
    if found := _EQUALITY.fullmatch(pattern):
        return _equality(found[1].split("."), found[3], wanted=found[2] == "=")
    if pattern[0] in "{[%":
        raise AwsError(
            "InvalidParameterException",
            'The sandbox filters logs by terms and by { $.name = "value" }; other patterns are not simulated.',
        )
    terms = [(sign, (quoted or word).replace('\\"', '"')) for sign, quoted, word in _TERM.findall(pattern)]
    needed = [term for sign, term in terms if not sign]
    unwanted = [term for sign, term in terms if sign == "-"]
    # Where there are terms that must be there, those that may be there change nothing.
    any_of = [] if needed else [term for sign, term in terms if sign == "?"]

    def matches(line: str) -> bool:
        return (
            all(term in line for term in needed)
            and not any(term in line for term in unwanted)
            and (not any_of or any(term in line for term in any_of))
        )

    return matches


def _equality(path: list[str], value: str, *, wanted: bool) -> Filter:
    def matches(line: str) -> bool:
        try:
            found: Any = json.loads(line)
            for name in path:
                found = found[name]
        except (ValueError, KeyError, TypeError):
            return False
        same = isinstance(found, str) and (fnmatchcase(found, value) if "*" in value else found == value)
        return same == wanted

    return matches
