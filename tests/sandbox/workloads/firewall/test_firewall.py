"""What a web ACL decides about requests, and what is kept of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.control.account import Resource
from sandbox.workloads.firewall.records import Logging
from sandbox.workloads.http.messages import Request
from tests.sandbox.workloads.firewall.walls import (
    ACL,
    BALANCER,
    LOG,
    STAGE,
    Wall,
    acl,
    in_set,
    ip_set,
    logs,
    play,
    resource,
    rule,
)

RECORDED = json.loads((Path(__file__).parent / "recorded_firewall.json").read_text())
NONE = [{"priority": 0, "type": "NONE"}]
DECODED = [{"priority": 0, "type": "URL_DECODE"}]


def text(wanted: str, position: str = "CONTAINS", field: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "byteMatchStatement": {
            "searchString": wanted,
            "positionalConstraint": position,
            "fieldToMatch": field or {"uriPath": {}},
            "textTransformations": NONE,
            **more,
        }
    }


def injection(kind: str, field: dict[str, Any]) -> dict[str, Any]:
    return {f"{kind}MatchStatement": {"fieldToMatch": field, "textTransformations": DECODED}}


def rate(limit: int, **more: Any) -> dict[str, Any]:
    return {"rateBasedStatement": {"limit": limit, "evaluationWindowSec": 60, "aggregateKeyType": "IP", **more}}


def test_what_no_acl_protects_is_not_judged(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(acl())
        assert wall.firewalls.judge(f"{BALANCER}-other", Request("GET", "/")) is None
        assert wall.judge().action == "allow"

    play(tmp_path, story)


def test_the_first_rule_that_decides_decides(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(
            acl(
                rule("later", text("/a"), "block", 3),
                rule("first", text("/a/free"), "allow", 2),
                rule("counts", text("/a"), "count", 1),
            )
        )
        assert wall.judge("/a").rule == "later"
        assert wall.judge("/a/free").rule == "first"
        assert wall.judge("/b").rule == "Default_Action"
        assert wall.metric("BlockedRequests", "m-later") == wall.metric("BlockedRequests", "ALL") == 1
        assert wall.metric("CountedRequests", "m-counts") == 2
        assert wall.metric("AllowedRequests", "ALL") == 2
        assert wall.metric("AllowedRequests", "Default_Action") == wall.metric("AllowedRequests", "m-first") == 1

    play(tmp_path, story)


def test_a_default_action_may_refuse(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(acl(default="block"))
        verdict = wall.judge()
        assert (verdict.action, verdict.status, verdict.body) == ("block", 403, None)
        assert wall.metric("BlockedRequests", "Default_Action") == 1

    play(tmp_path, story)


def test_custom_responses(tmp_path: Path) -> None:
    response = {
        "responseCode": 429,
        "responseHeaders": [{"name": "retry-after", "value": "60"}],
        "customResponseBodyKey": "slow",
    }
    bodies = [{"key": "slow", "content": '{"slow":"down"}', "contentType": "APPLICATION_JSON"}]

    async def story(wall: Wall) -> None:
        custom = {"block": {"customResponse": response}}
        await wall.apply(acl(rule("slow", text("/"), custom), customResponseBodies=bodies))
        verdict = wall.judge()
        assert (verdict.status, verdict.body) == (429, b'{"slow":"down"}')
        assert verdict.headers == (("content-type", "application/json"), ("retry-after", "60"))

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("position", "wanted", "good", "bad"),
    [
        ("EXACTLY", "/a", "/a/", "/a"),
        ("STARTS_WITH", "/a", "/b/a", "/ab"),
        ("ENDS_WITH", ".php", "/x.php5", "/x.php"),
        ("CONTAINS", "../", "/a/b", "/a/../b"),
        ("CONTAINS_WORD", "admin", "/administrator", "/x/admin/y"),
    ],
)
def test_where_a_text_is(tmp_path: Path, position: str, wanted: str, good: str, bad: str) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("text", text(wanted, position))))
        assert wall.passes(good)
        assert not wall.passes(bad)
        assert not wall.passes(f"{bad}?x=1")

    play(tmp_path, story)


def test_parts_of_a_request(tmp_path: Path) -> None:
    fields: dict[str, dict[str, Any]] = {
        "method": {"method": {}},
        "query": {"queryString": {}},
        "header": {"singleHeader": {"name": "x-tool"}},
        "one": {"singleQueryArgument": {"name": "Q"}},
        "body": {"body": {"oversizeHandling": "CONTINUE"}},
    }

    async def story(wall: Wall) -> None:
        rules = [
            rule(name, text(f"bad-{name}", field=field), priority=number)
            for number, (name, field) in enumerate(fields.items())
        ]
        rules.append(rule("all", text("bad-all", "EXACTLY", {"allQueryArguments": {}}), priority=9))
        await wall.apply(acl(*rules))
        assert wall.judge(method="bad-method").rule == "method"
        assert wall.judge("/?a=bad-query").rule == "query"
        assert wall.judge(headers=[("X-Tool", "is bad-header")]).rule == "header"
        assert wall.judge("/?q=bad-one").rule == "one"
        assert wall.judge("/?p=bad-one").rule == "Default_Action"
        assert wall.judge("/?p=1&x=bad-all").rule == "all"
        assert wall.judge(body=b"...bad-body...").rule == "body"
        assert wall.passes("/bad-query/bad-body")

    play(tmp_path, story)


def test_transformations_come_in_their_order(tmp_path: Path) -> None:
    kinds = ["HTML_ENTITY_DECODE", "LOWERCASE", "COMPRESS_WHITE_SPACE"]
    steps = [{"priority": 9, "type": "URL_DECODE"}, *({"priority": 10 + n, "type": k} for n, k in enumerate(kinds))]

    async def story(wall: Wall) -> None:
        statement = text("<a b", field={"queryString": {}}, textTransformations=list(reversed(steps)))
        await wall.apply(acl(rule("text", statement)))
        assert not wall.passes("/?%26lt%3BA%09++B")
        assert wall.passes("/?%26lt%3BAB")

    play(tmp_path, story)


def test_sizes_and_what_is_too_large_to_see(tmp_path: Path) -> None:
    query: dict[str, Any] = {"fieldToMatch": {"queryString": {}}, "textTransformations": NONE}
    size = {"sizeConstraintStatement": {"comparisonOperator": "GT", "size": 3, **query}}

    def by(handling: str) -> dict[str, Any]:
        return text("evil", field={"body": {"oversizeHandling": handling}})

    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("size", size)))
        assert wall.passes("/?abc")
        assert not wall.passes("/?abcd")
        late = b"." * (8 * 1024) + b"evil"
        await wall.apply(acl(rule("body", by("CONTINUE"))))
        # A stage of an API shows twice as much of a body as a balancer.
        assert wall.passes(body=late)
        assert not wall.passes(body=late, arn=STAGE)
        assert not wall.passes(body=b"evil" + late)
        await wall.apply(acl(rule("body", by("MATCH"))))
        assert not wall.passes(body=b"." * 9000)
        await wall.apply(acl(rule("body", by("NO_MATCH"))))
        assert wall.passes(body=b"evil" + late)

    play(tmp_path, story)


def test_all_any_none_and_labels(tmp_path: Path) -> None:
    both = {"andStatement": {"statements": [text("/a"), text("POST", field={"method": {}})]}}
    either = {"orStatement": {"statements": [text("/b"), text("/c")]}}
    tagged = {"labelMatchStatement": {"scope": "LABEL", "key": "team:blue"}}
    space = {"labelMatchStatement": {"scope": "NAMESPACE", "key": "team:"}}

    async def story(wall: Wall) -> None:
        await wall.apply(
            acl(
                rule("both", both, priority=1),
                rule("either", {"notStatement": {"statement": {"notStatement": {"statement": either}}}}, priority=2),
                rule("mark", text("/d"), "count", 3, ruleLabels=[{"name": "team:blue"}]),
                rule("marked", {"andStatement": {"statements": [tagged, space]}}, priority=4),
            )
        )
        assert wall.judge("/a", method="POST").rule == "both"
        assert wall.passes("/a")
        assert wall.judge("/c").rule == "either"
        assert wall.judge("/d").rule == "marked"
        assert wall.passes("/e")

    play(tmp_path, story)


def test_patterns(tmp_path: Path) -> None:
    def pattern(expression: str) -> dict[str, Any]:
        field = {"fieldToMatch": {"uriPath": {}}, "textTransformations": NONE}
        return {"regexMatchStatement": {"regexString": expression, **field}}

    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("pattern", pattern(r"^/wp-\w+\.php$"))))
        assert not wall.passes("/wp-login.php")
        assert wall.passes("/wp-login.html")
        await wall.apply(acl(rule("pattern", pattern(r"(?<n>"))))
        assert wall.passes("/wp-login.php")
        assert "regular expression" in wall.firewalls.describe()["acls"][0]["rules"][0]["not simulated"]

    play(tmp_path, story)


def test_ip_sets_of_both_kinds_and_forwarded_addresses(tmp_path: Path) -> None:
    sets = [ip_set("a", "192.0.2.0/24", "198.51.100.7/32", "2001:db8::/33")]
    forwarded = {"headerName": "x-forwarded-for", "fallbackBehavior": "MATCH", "position": "FIRST"}

    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("addresses", in_set("a"))), *sets)
        for bad in ("192.0.2.255", "198.51.100.7", "2001:db8:7fff::1", "::ffff:192.0.2.1"):
            assert not wall.passes(client=bad), bad
        for good in ("192.0.3.0", "198.51.100.8", "2001:db8:8000::1", "127.0.0.1", "not an address"):
            assert wall.passes(client=good), good

        await wall.apply(acl(rule("addresses", in_set("a", ipSetForwardedIpConfig=forwarded))), *sets)
        assert not wall.passes(headers=[("X-Forwarded-For", "192.0.2.1, 203.0.113.1")])
        assert wall.passes(headers=[("X-Forwarded-For", "203.0.113.1, 192.0.2.1")])
        assert not wall.passes(headers=[("X-Forwarded-For", "nonsense")])
        assert wall.passes(client="192.0.2.1")

        last = {**forwarded, "position": "LAST", "fallbackBehavior": "NO_MATCH"}
        await wall.apply(acl(rule("addresses", in_set("a", ipSetForwardedIpConfig=last))), *sets)
        assert not wall.passes(headers=[("X-Forwarded-For", "203.0.113.1, 192.0.2.1")])
        assert wall.passes(headers=[("X-Forwarded-For", "nonsense")])

        await wall.apply(acl(rule("addresses", in_set("gone"))))
        assert wall.passes(client="192.0.2.1")
        assert "ipset/gone" in wall.said()[-1]

    play(tmp_path, story)


def test_a_rate_by_address_over_a_window(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("rate", rate(10))))
        assert [wall.passes(client="192.0.2.1") for _ in range(12)] == [True] * 10 + [False] * 2
        assert wall.passes(client="192.0.2.2")
        wall.now += 59
        assert not wall.passes(client="192.0.2.1")
        # The same rule in an ACL that is made anew goes on counting.
        await wall.apply(acl(rule("rate", rate(10)), rule("other", text("/x"), priority=2)))
        assert not wall.passes(client="192.0.2.1")
        wall.now += 1
        assert [wall.passes(client="192.0.2.1") for _ in range(9)] == [True] * 8 + [False]
        assert wall.metric("BlockedRequests", "m-rate") == 5

    play(tmp_path, story)


def test_a_rate_of_all_and_of_some(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("rate", rate(10, aggregateKeyType="CONSTANT", scopeDownStatement=text("/login")))))
        assert all(wall.passes("/other") for _ in range(20))
        passed = [wall.passes("/login", client=f"192.0.2.{number}") for number in range(12)]
        assert passed == [True] * 10 + [False] * 2

        forwarded = {"headerName": "x-forwarded-for", "fallbackBehavior": "NO_MATCH"}
        await wall.apply(acl(rule("rate", rate(10, aggregateKeyType="FORWARDED_IP", forwardedIpConfig=forwarded))))
        assert all(wall.passes() for _ in range(20))
        assert not all(wall.passes(headers=[("x-forwarded-for", "192.0.2.1")]) for _ in range(20))
        assert wall.passes(headers=[("x-forwarded-for", "192.0.2.2")])

    play(tmp_path, story)


def test_countries_by_the_header_and_not_judged_without_it(tmp_path: Path) -> None:
    listed = {"geoMatchStatement": {"countryCodes": ["DE", "US"]}}

    async def story(wall: Wall) -> None:
        await wall.apply(acl(rule("countries", {"notStatement": {"statement": listed}})))
        assert wall.passes(headers=[("x-modeshift-country", "de")])
        assert not wall.passes(headers=[("X-Modeshift-Country", "FR")])
        assert wall.passes()
        described = wall.firewalls.describe()["acls"][0]["rules"][0]
        assert wall.passes()
        assert described["not judged"]["requests"] == 1
        assert len(wall.said()) == 1
        assert "x-modeshift-country" in described["not judged"]["why"]

    play(tmp_path, story)


def test_injections_are_judged_in_the_parts_that_are_named(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        await wall.apply(
            acl(
                rule("sql", injection("sqli", {"queryString": {}}), priority=1),
                rule("xss", injection("xss", {"body": {"oversizeHandling": "CONTINUE"}}), priority=2),
            )
        )
        assert wall.judge("/?id=%27%20OR+1=1").rule == "sql"
        assert wall.judge(body=b"a=%3CSCRIPT%3E").rule == "xss"
        assert wall.passes("/' OR 1=1", body=b"' OR 1=1")

    play(tmp_path, story)


def test_without_what_tells_injections_requests_pass_and_it_is_said(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        wall.guess.lost = True
        await wall.apply(acl(rule("sql", injection("sqli", {"queryString": {}}))))
        assert wall.passes("/?' OR 1=1")
        assert wall.firewalls.describe()["injection"] == "not judged: no Go"
        assert wall.firewalls.describe()["acls"][0]["rules"][0]["not judged"] == {"requests": 1, "why": "no Go"}
        assert wall.said() == [
            "SQL injection and scripting are not judged: no Go",
            "Rule sql lets requests pass unjudged: no Go.",
        ]

    play(tmp_path, story)


def test_what_is_not_simulated_lets_pass_and_is_said_once(tmp_path: Path) -> None:
    group = {"managedRuleGroupStatement": {"vendorName": "AWS", "name": "AWSManagedRulesCommonRuleSet"}}
    rules = [
        {**rule("group", group), "action": None, "overrideAction": {"none": {}}},
        rule("captcha", text("/"), "captcha", 2),
        rule("cookies", text("/", field={"cookies": {"matchScope": "ALL"}}), priority=3),
        rule("keys", rate(10, aggregateKeyType="CUSTOM_KEYS"), priority=4),
        rule("odd", text("/", textTransformations=[{"priority": 0, "type": "MD5"}]), priority=5),
        rule("asn", {"asnMatchStatement": {"asnLists": [1]}}, priority=6),
    ]

    async def story(wall: Wall) -> None:
        await wall.apply(acl(*rules))
        await wall.apply(acl(*rules, default="block"))
        assert wall.judge().rule == "Default_Action"
        described = wall.firewalls.describe()["acls"][0]["rules"]
        assert [one["not simulated"] for one in described] == [
            "managed rule group AWS AWSManagedRulesCommonRuleSet",
            "action captcha",
            "fieldToMatch.cookies",
            "aggregateKeyType CUSTOM_KEYS",
            "text transformation MD5",
            "asnMatchStatement",
        ]
        assert len(wall.said()) == len(rules)

    play(tmp_path, story)


def test_samples_and_logs_hold_no_secrets(tmp_path: Path) -> None:
    secret = [("Authorization", "hush"), ("Cookie", "hush"), ("X-Api-Key", "hush"), ("X-Other", "seen")]
    redacted = [{"singleHeader": {"name": name}} for name in ("authorization", "cookie", "x-api-key")]
    refused = {
        "defaultBehavior": "DROP",
        "filters": [
            {
                "behavior": "KEEP",
                "requirement": "MEETS_ANY",
                "conditions": [{"actionCondition": {"action": action}} for action in ("BLOCK", "COUNT")],
            }
        ],
    }

    async def story(wall: Wall) -> None:
        rules = [rule("a", text("/a")), rule("c", text("/c"), "count", 2)]
        await wall.apply(acl(*rules), logs(redactedFields=redacted, loggingFilter=refused))
        for target in ("/a?q=1", "/b", "/c"):
            wall.judge(target, headers=secret, client="192.0.2.9")
        lines = [json.loads(line.text) for line in wall.context.logs.read(LOG)]
        assert [(line["terminatingRuleId"], line["action"], line["httpRequest"]["uri"]) for line in lines] == [
            ("a", "BLOCK", "/a"),
            ("Default_Action", "ALLOW", "/c"),
        ]
        assert lines[0]["httpSourceName"] == "ALB"
        assert lines[0]["httpSourceId"] == "123456789012-app/dev-front-door/1"
        assert lines[0]["httpRequest"]["args"] == "q=1"
        assert lines[1]["nonTerminatingMatchingRules"] == [{"ruleId": "c", "action": "COUNT"}]
        assert {"name": "X-Other", "value": "seen"} in lines[0]["httpRequest"]["headers"]

        sample = wall.firewalls.sampled(ACL)[0]
        assert (sample["Action"], sample["Request"]["ClientIP"], sample["Request"]["URI"]) == (
            "BLOCK",
            "192.0.2.9",
            "/a",
        )
        assert "hush" not in json.dumps([lines, wall.firewalls.sampled(ACL), wall.firewalls.describe()])

        wall.judge("/a", arn=STAGE)
        assert json.loads(wall.context.logs.read(LOG)[-1].text)["httpSourceId"] == "123456789012:abc:live"

    play(tmp_path, story)


def test_a_log_keeps_all_unless_it_is_filtered() -> None:
    group = ["arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-x:*"]
    log = Logging.of({"logDestinationConfigs": group, "redactedFields": [{"queryString": {}}]}, "s")
    assert (log.group, log.keep, log.redacted) == ("aws-waf-logs-x", {"ALLOW", "BLOCK", "COUNT"}, {"queryString"})
    condition = [{"actionCondition": {"action": "ALLOW"}}]
    dropped = {"defaultBehavior": "KEEP", "filters": [{"behavior": "DROP", "conditions": condition}]}
    assert Logging.of({"logDestinationConfigs": group, "loggingFilter": dropped}, "s").keep == {"BLOCK", "COUNT"}


def test_an_acl_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    async def story(wall: Wall) -> None:
        broken = resource("aws:wafv2/webAcl:WebAcl", arn="arn:other", name="other", rules=[{}], defaultAction={})
        await wall.apply(acl(rule("a", text("/a"))), broken)
        assert not wall.passes("/a")
        assert "cannot be read" in wall.said()[0]

    play(tmp_path, story)


def test_the_acl_that_our_stacks_make(tmp_path: Path) -> None:
    resources = [
        Resource(key, one["type"], "us-east-1", one["id"], one["urn"], {}, one["outputs"])
        for key, one in enumerate(RECORDED)
    ]
    balancer = next(one.outputs["resourceArn"] for one in resources if one.type.endswith("WebAclAssociation"))

    async def story(wall: Wall) -> None:
        await wall.apply(*resources)
        judge = lambda target, **request: wall.judge(target, arn=str(balancer), **request)  # noqa: E731
        country = [("x-modeshift-country", "DE")]
        assert judge("/netprobe?host=example.com", headers=country).action == "allow"
        assert judge("/", headers=[("x-modeshift-country", "FR")]).rule == "countries"
        assert judge("/?id=' OR 1=1").rule == "sql-in-query"
        assert judge("/", method="POST", body=b"id=' OR 1=1").rule == "sql-in-body"
        rules = [judge("/", client="192.0.2.1").rule for _ in range(1001)]
        assert rules == ["Default_Action"] * 1000 + ["rate"]
        described = wall.firewalls.describe()["acls"][0]["rules"]
        assert [one["name"] for one in described if "not simulated" in one] == [
            "AWSManagedRulesKnownBadInputsRuleSet",
            "AWSManagedRulesAmazonIpReputationList",
        ]
        assert len(wall.context.logs.read("aws-waf-logs-dev-firewall")) == 4

    play(tmp_path, story)
