"""Holds what a probe found against what was expected of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import cast

from app.services.netprobe.models import Checked, DnsResult, HttpResult, Result, SeriesResult, TlsResult
from app.services.netprobe.models.base import Expect, ExpectSeries
from app.services.netprobe.models.dns import ExpectDns
from app.services.netprobe.models.http import ExpectHttp, ExpectJson
from app.services.netprobe.models.tls import ExpectTls
from app.services.netprobe.probes.evidence import Evidence

_LONGEST_ACTUAL = 128
_NOTHING = object()


def judged(expect: Expect, result: Result, evidence: Evidence) -> list[Checked]:
    """Return every expectation with how it went; without an answer, all of them failed."""
    checks = [*_timings(expect, result)]
    if isinstance(expect, ExpectSeries) and isinstance(result, SeriesResult):
        checks += _series(expect, result)
    match expect, result:
        case ExpectHttp(), HttpResult():
            checks += _http(expect, result, evidence)
        case ExpectDns(), DnsResult():
            checks += _dns(expect, result)
        case ExpectTls(), TlsResult():
            checks += _tls(expect, result)
        case _:
            pass
    return checks if result.reached else [_unanswered(check) for check in checks]


def _unanswered(check: Checked) -> Checked:
    update = {"passed": False, "actual": None, "reason": "There was no answer to look at."}
    return check.model_copy(update=update)


def _check(name: str, passed: bool, expected: str, actual: str | None, subject: str) -> Checked:  # noqa: FBT001
    found = "missing" if actual is None else actual
    reason = f"{subject} is {found}; expected {expected}."
    return Checked(
        expectation=name, passed=passed and actual is not None, expected=expected, actual=actual, reason=reason
    )


def _at_most(name: str, most: float, actual: float | None, unit: str, subject: str) -> Checked:
    passed = actual is not None and actual <= most
    return _check(name, passed, f"at most {most:g} {unit}", None if actual is None else f"{actual:g} {unit}", subject)


def _days(least: float | None, actual: float | None) -> Iterator[Checked]:
    if least is not None:
        found = None if actual is None else f"{actual:g} days"
        passed = actual is not None and actual >= least
        subject = "The time to the certificate's expiry"
        yield _check("min_days_to_expiry", passed, f"at least {least:g} days", found, subject)


def _timings(expect: Expect, result: Result) -> Iterator[Checked]:
    limits = expect.max_timings.model_dump(exclude_none=True) if expect.max_timings else {}
    for name, most in limits.items():
        phase = name.removesuffix("_ms").replace("_", " ")
        actual = cast("float | None", getattr(result.timings, name))
        yield _at_most(f"max_timings.{name}", most, actual, "ms", f"The time of {phase}")


def _series(expect: ExpectSeries, result: SeriesResult) -> Iterator[Checked]:
    found = result.statistics
    if expect.max_loss_percent is not None:
        loss = None if found is None else found.loss_percent
        yield _at_most("max_loss_percent", expect.max_loss_percent, loss, "%", "The loss")
    if expect.max_mean_ms is not None:
        mean = None if found is None else found.mean_ms
        yield _at_most("max_mean_ms", expect.max_mean_ms, mean, "ms", "The mean")


def _http(expect: ExpectHttp, result: HttpResult, evidence: Evidence) -> Iterator[Checked]:
    if expect.status is not None:
        passed = result.status is not None and any(_covers(each, result.status) for each in expect.status)
        expected = ", ".join(str(each) for each in expect.status)
        actual = None if result.status is None else str(result.status)
        yield _check("status", passed, expected, actual, "The status")
    if expect.body_matches is not None:
        yield _found("body_matches", expect.body_matches, evidence.body, "The body")
    for number, header in enumerate(expect.headers):
        values = [value for name, value in evidence.headers if name == header.name.lower()]
        name, subject = f"headers.{number}", f"The header {header.name}"
        if values and header.matches is not None:
            yield _found(name, header.matches, ", ".join(values).encode("latin-1"), subject)
        else:
            yield _check(name, bool(values), "present", "present" if values else None, subject)
    if expect.json_values:
        document = _json(evidence.body)
        for number, wanted in enumerate(expect.json_values):
            yield _json_value(f"json_values.{number}", wanted, document)
    yield from _days(expect.min_days_to_expiry, result.tls and result.tls.days_to_expiry)


def _covers(wanted: int | str, status: int) -> bool:
    ends = [int(end) for end in str(wanted).split("-")]
    return min(ends) <= status <= max(ends)


def _found(name: str, pattern: str, where: bytes, subject: str) -> Checked:
    from app.services.netprobe.probes.patterns import found  # noqa: PLC0415 only requests with a pattern need RE2

    # What it matched is not told: a probe does not read out what servers send.
    matched = found(pattern, where)
    return _check(name, matched, "matching the pattern", f"{'' if matched else 'not '}matching", subject)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOTHING


def _json_value(name: str, wanted: ExpectJson, document: object) -> Checked:
    subject = f"The value at {wanted.path}"
    if document is _NOTHING:
        return _check(name, passed=False, expected="JSON", actual="not JSON, or not all of it", subject="The body")
    values = _values(wanted.path, document)
    actual = _told(values[0]) if values else None
    if "equals" not in wanted.model_fields_set:
        return _check(name, bool(values), "present", actual, subject)
    passed = bool(values) and _equal(values[0], wanted.equals)
    return _check(name, passed, _told(wanted.equals), actual, subject)


def _values(path: str, document: object) -> Sequence[object]:
    import jsonpath  # noqa: PLC0415 only requests with a path need it

    # The request's schema lets names and indexes through, nothing that could be made to take long.
    return cast("Sequence[object]", jsonpath.findall(path, document))  # pyright: ignore[reportArgumentType]


def _equal(actual: object, wanted: object) -> bool:
    return isinstance(actual, bool) == isinstance(wanted, bool) and actual == wanted


def _told(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return json.dumps(value)[:_LONGEST_ACTUAL]


def _dns(expect: ExpectDns, result: DnsResult) -> Iterator[Checked]:
    if expect.rcode is not None:
        yield _check("rcode", result.rcode == expect.rcode, expect.rcode, result.rcode, "The response code")
    if expect.answer_contains is not None:
        values = [record.value for record in result.answers]
        passed = any(expect.answer_contains.lower() in value.lower() for value in values)
        actual = ", ".join(values)[:_LONGEST_ACTUAL] or None
        yield _check("answer_contains", passed, f"one that contains {expect.answer_contains}", actual, "The answer")


def _tls(expect: ExpectTls, result: TlsResult) -> Iterator[Checked]:
    if expect.verified is not None:
        words = {True: "trusted", False: "not trusted", None: None}
        actual = words[result.verified]
        reason = f" ({result.verify_error})" if result.verify_error else ""
        expected = "trusted" if expect.verified else "not trusted"
        yield _check("verified", result.verified == expect.verified, expected, actual and actual + reason, "The server")
    yield from _days(expect.min_days_to_expiry, result.days_to_expiry)
