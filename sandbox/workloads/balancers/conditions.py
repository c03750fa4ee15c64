"""Which requests a rule is for, and what it makes of them (ELB user guide: rule condition types, rule transforms)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from sandbox.workloads.http.messages import Request

Condition = Callable[[Request], bool]


def condition(document: Mapping[str, Any]) -> Condition:
    """Return what judges requests by one condition of a rule; one of an unknown kind is never met."""
    for kind, make in _KINDS.items():
        if document.get(kind):
            return make(document[kind])
    return lambda _request: False


def rewritten(request: Request, rewrites: Iterable[tuple[str, str, str]]) -> Request:
    """Return a request as the transforms of a rule make it.

    AWS says that a URL's path and its query can be rewritten. A pattern that matches the path leaves the query as it
    is; one that does not is held against both.
    """
    for kind, pattern, replacement in rewrites:
        words = re.sub(r"\$(\d)", r"\\g<\1>", replacement.replace("\\", r"\\"))
        if kind == "host-header-rewrite":
            host = re.sub(pattern, words, request.header("host"), count=1)
            headers = [(name, host if name.lower() == "host" else value) for name, value in request.headers]
            request = replace(request, headers=headers)
        elif re.search(pattern, request.path):
            query = f"?{request.query}" if "?" in request.target else ""
            request = replace(request, target=re.sub(pattern, words, request.path, count=1) + query)
        else:
            request = replace(request, target=re.sub(pattern, words, request.target, count=1))
    return request


def _host(spec: Mapping[str, Any]) -> Condition:
    matches = _any(spec, ignore_case=True)
    return lambda request: matches(_without_port(request.header("host")))


def _path(spec: Mapping[str, Any]) -> Condition:
    matches = _any(spec, ignore_case=False)
    return lambda request: matches(request.path)


def _header(spec: Mapping[str, Any]) -> Condition:
    matches, name = _any(spec, ignore_case=True), spec["httpHeaderName"]
    return lambda request: any(matches(value) for value in request.values(name))


def _method(spec: Mapping[str, Any]) -> Condition:
    methods = frozenset(spec["values"])
    return lambda request: request.method in methods


def _query(specs: Sequence[Mapping[str, str]]) -> Condition:
    wanted = [
        (_pattern(one["key"], ignore_case=True) if one.get("key") else None, _pattern(one["value"], ignore_case=True))
        for one in specs
    ]

    def judge(request: Request) -> bool:
        pairs = [pair.partition("=") for pair in request.query.split("&") if pair]
        return any(
            (key is None or key.fullmatch(name)) and value.fullmatch(given)
            for name, _, given in pairs
            for key, value in wanted
        )

    return judge


def _source(spec: Mapping[str, Any]) -> Condition:
    networks = [ip_network(value, strict=False) for value in spec["values"]]
    return lambda request: any(ip_address(request.client) in network for network in networks)


_KINDS: Mapping[str, Callable[[Any], Condition]] = {
    "hostHeader": _host,
    "pathPattern": _path,
    "httpHeader": _header,
    "httpRequestMethod": _method,
    "queryStrings": _query,
    "sourceIp": _source,
}


def _any(spec: Mapping[str, Any], *, ignore_case: bool) -> Callable[[str], bool]:
    """Return what says whether a text is like any of the values: patterns with wildcards, or regular expressions."""
    patterns = [_pattern(value, ignore_case=ignore_case) for value in spec.get("values") or ()]
    expressions = [re.compile(value, re.IGNORECASE if ignore_case else 0) for value in spec.get("regexValues") or ()]
    return lambda text: any(one.fullmatch(text) for one in patterns) or any(one.search(text) for one in expressions)


def _pattern(text: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Return a pattern in which `*` stands for any characters, none too, `?` for one, and a backslash for itself."""
    words = re.split(r"(\\[*?\\]|[*?])", text)
    parts = [{"*": ".*", "?": "."}.get(word, re.escape(re.sub(r"^\\([*?\\])$", r"\1", word))) for word in words]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host)
