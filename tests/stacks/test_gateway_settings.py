"""What a front door does itself, and whom a stack tells: settings that are refused, and what they become."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.errors import SettingsError
from stacks.load import resolve

ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/ours/1a2b3c4d-1a2b-1a2b-1a2b-1a2b3c4d5e6f"


def refused(**settings: object) -> dict[str, str]:
    config = {"aws:region": "us-east-1", **{f"modeshift:{name}": value for name, value in settings.items()}}
    try:
        resolve("dev", config)
    except SettingsError as error:
        return {problem.key: problem.why for problem in error.problems}
    return {}


KEYED = {"netprobe": {"route": "/", "apiKey": True}}


@pytest.mark.parametrize(
    ("settings", "key", "why"),
    [
        ({"services": KEYED}, "services.netprobe.apiKey", "http-api knows no API keys"),
        ({"services": KEYED, "frontDoor": "rest-api"}, "services.netprobe.apiKey", "nobody has a key"),
        ({"firewall": {}}, "firewall", "cannot attach to an HTTP API"),
        ({"firewall": {}, "frontDoor": "alb", "webAcl": ACL}, "firewall", "webAcl names another"),
        ({"firewall": {"rate": 1}, "frontDoor": "alb"}, "firewall.rate", ""),
        ({"firewall": {"countries": ["germany"]}, "frontDoor": "alb"}, "firewall.countries[0]", ""),
        ({"restApi": {"cacheGb": "0.5"}, "frontDoor": "rest-api"}, "restApi.cacheGb", "would stay empty"),
        ({"restApi": {"cacheGb": "2"}}, "restApi.cacheGb", ""),
        ({"restApi": {"clients": {"Partner One": {}}}}, "restApi.clients.Partner One", ""),
        ({"alarms": {"email": ["nobody"]}}, "alarms.email[0]", ""),
        ({"alarms": {"pagerduty": "https://events.pagerduty.com/integration/abc/enqueue"}}, "alarms.pagerduty", ""),
        ({"alarms": {"slack": {"workspace": "acme", "channel": "#ops"}}}, "alarms.slack.channel", ""),
    ],
)
def test_what_could_not_work_is_refused(settings: dict[str, Any], key: str, why: str) -> None:
    found = refused(**settings)
    assert f"modeshift:{key}" in found, found
    assert why in found[f"modeshift:{key}"]


def test_what_works_is_taken() -> None:
    assert refused(frontDoor="rest-api", services=KEYED, restApi={"clients": {"partner": {}}}, firewall={}) == {}
    assert refused(restApi={"clients": {"partner": {}}}) == {}, "may stand beside another front door"
