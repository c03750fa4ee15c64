"""The Lambda entry starts once, when it should, and not with wrong settings. What it answers is in test_parity.py."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from app.core.settings import SettingsError
from tests.app.gateways import GATEWAYS, Request

CONTEXT = SimpleNamespace(function_name="netprobe", aws_request_id="1f0c", get_remaining_time_in_millis=lambda: 28_000)
READY = GATEWAYS["http-api"].event(Request(target="/ready"))


def test_start_up_runs_once_and_before_the_first_event(
    entry: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[object] = []
    monkeypatch.setattr("app.core.secrets.load", starts.append)
    handler = entry()
    assert len(starts) == 1
    for _ in range(3):
        assert handler.lambda_handler(READY, CONTEXT)["statusCode"] == 200
    assert len(starts) == 1


def test_a_snapshot_holds_no_secret(entry: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[object] = []
    monkeypatch.setattr("app.core.secrets.load", starts.append)
    handler = entry(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert starts == []
    for _ in range(2):
        assert handler.lambda_handler(READY, CONTEXT)["statusCode"] == 200
    assert len(starts) == 1


def test_wrong_settings_fail_the_cold_start(entry: Callable[..., ModuleType]) -> None:
    with pytest.raises(SettingsError, match="LOG_LEVEL='loud'"):
        entry(LOG_LEVEL="loud")
