"""The firewall: what it refuses, in which order, and what it writes down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.web_acl import WebAcl


@pytest.fixture
def rules(deploy: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return the rules of an ACL by name, in their order."""

    def run(**choices: Any) -> dict[str, Any]:
        acl = deploy(lambda: WebAcl("dev-firewall", **choices) and None).one("webAcl:WebAcl").inputs
        return {rule["name"]: rule for rule in sorted(acl["rules"], key=lambda rule: rule["priority"])}

    return run


def test_an_address_that_asks_too_often_is_refused_by_the_minute(rules: Callable[..., Any]) -> None:
    statement = rules(rate=500)["rate"]["statement"]["rateBasedStatement"]
    assert statement == {"limit": 500, "evaluationWindowSec": 60, "aggregateKeyType": "IP"}


def test_sql_injection_is_looked_for_in_query_and_body(rules: Callable[..., Any]) -> None:
    found = rules(managed=False)
    fields = [
        set(rule["statement"]["sqliMatchStatement"]["fieldToMatch"]) for name, rule in found.items() if "sql" in name
    ]
    assert fields == [{"queryString"}, {"body"}]


def test_only_listed_countries_get_in_where_some_are(rules: Callable[..., Any]) -> None:
    first = next(iter(rules(countries=["US", "DE"]).values()))
    listed = first["statement"]["notStatement"]["statement"]["geoMatchStatement"]["countryCodes"]
    assert (listed, first["action"]) == (["DE", "US"], {"block": {}})
    assert "countries" not in rules()


def test_every_rule_either_refuses_or_is_a_group_that_says_itself_what_it_does(rules: Callable[..., Any]) -> None:
    for name, rule in rules(countries=["US"]).items():
        group = "managedRuleGroupStatement" in rule["statement"]
        assert rule.get("overrideAction") == ({"none": {}} if group else None), name
        assert rule.get("action") == (None if group else {"block": {}}), name
        assert rule["visibilityConfig"]["cloudwatchMetricsEnabled"] is True


def test_what_is_refused_is_written_down_without_secrets(deploy: Callable[..., Any]) -> None:
    recorded = deploy(lambda: WebAcl("dev-firewall", log_retention_days=30) and None)
    assert recorded.one("LogGroup").inputs["name"] == "aws-waf-logs-dev-firewall"
    log = recorded.one("WebAclLoggingConfiguration").inputs
    assert {field["singleHeader"]["name"] for field in log["redactedFields"]} == {
        "authorization",
        "cookie",
        "x-api-key",
    }
    assert log["loggingFilter"]["defaultBehavior"] == "DROP"
