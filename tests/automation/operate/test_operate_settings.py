"""Settings that people are told to paste are settings."""

from __future__ import annotations

import pytest
import yaml

from automation.operate.settings import Value, pasted


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("container",), {"exec": True}),
        (("services", "users", "worker", "scaling"), {"min": 2, "max": 6}),
        (("services", "a-service-with-a-long-name", "env"), {"RESTARTED": "a text " * 20}),
        (("services", "on"), "yes: no"),
    ],
)
def test_a_setting_is_one_line_that_reads_as_it_was_meant(path: tuple[str, ...], value: Value) -> None:
    line = pasted(path, value)
    assert "\n" not in line
    read = yaml.safe_load(line)
    for key in (f"modeshift:{path[0]}", *path[1:]):
        read = read[key]
    assert read == value
