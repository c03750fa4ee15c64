"""Usage profiles and files: what is refused, and with which help."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from automation.cost.usage import PROFILES, load_usage, profile
from automation.errors import UserError


def written(folder: Path, text: str) -> str:
    path = folder / "usage.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as refused:
        load_usage(written(folder, text))
    return refused.value.message


def test_profiles_grow() -> None:
    small, medium, large = (profile(name) for name in PROFILES)

    assert small.service.requests < medium.service.requests < large.service.requests
    assert small.bucket.gb < medium.bucket.gb < large.bucket.gb
    assert load_usage(None) == small


def test_a_file_says_only_what_is_different(tmp_path: Path) -> None:
    text = "basedOn: medium\nservice: {durationMs: 250}\nservices:\n  netprobe: {requests: 7}\n  other:\n"
    usage = load_usage(written(tmp_path, text))

    assert usage.of("netprobe").requests == 7
    assert usage.of("netprobe").duration_ms == usage.of("other").duration_ms == usage.of("unnamed").duration_ms == 250
    assert usage.of("other").requests == profile("medium").service.requests
    assert usage.network == profile("medium").network


def test_a_file_is_found_from_the_project_too(tmp_path: Path) -> None:
    written(tmp_path, "freeTier: true\n")

    assert load_usage("usage.yaml", tmp_path).free_tier


def test_fractions_are_exact(tmp_path: Path) -> None:
    usage = load_usage(written(tmp_path, "service: {busyShare: 0.1}\n"))

    assert usage.service.busy_share == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servce: {}\n", ["servce", "did you mean service?"]),
        ("service: {request: 5}\n", ["service.request", "did you mean requests?"]),
        ("services: {api: {durationMS: 5}}\n", ["services.api.durationMS", "did you mean durationMs?"]),
        ("network: {qqq: 1}\n", ["network.qqq", "known here: natGb, endpointGb, flowLogGb"]),
        ("service: {requests: -1}\n", ["service.requests", "greater than or equal to 0", "-1"]),
        ("service: {busyShare: 1.5}\n", ["service.busyShare", "less than or equal to 1"]),
        ("service: {requests: many}\n", ["service.requests", "many"]),
        ("service: {requests: .inf}\n", ["service.requests"]),
        ("hours: 0\n", ["hours"]),
        ("hours: 8760\n", ["hours", "744"]),
        (
            "service: {paidCalls: [{name: model}]}\n",
            ["service.paidCalls.0.share", "service.paidCalls.0.usd", "missing"],
        ),
        ("service: nothing\n", ["service"]),
        ("services: [a]\n", ["services"]),
        ("basedOn: huge\n", ["huge"]),
        ("a: [\n", ["line 2", "not YAML"]),
        ("- a\n", ["not a block"]),
    ],
)
def test_what_nobody_understands_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    message = refusal(tmp_path, text)

    assert [word for word in words if word not in message] == []
    assert "pydantic" not in message


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    assert refusal(tmp_path, "hours: x\nservice: {requests: y}\nfoo: 1\n").count("\n- ") == 3


def test_a_profile_misspelled_is_no_file() -> None:
    with pytest.raises(UserError) as refused:
        load_usage("smal")

    assert "Did you mean small?" in refused.value.hint


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UserError):
        load_usage(str(path))
