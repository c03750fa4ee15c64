"""Text from outside shows as it is: it can neither format nor link, mention, hide, nor break out of where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.markdown import CostDelta, CostLine, PolicyReport, Report, StackReport, Suppression, Violation, report
from automation.markdown.escape import code, fenced, html_code, one_line
from automation.plan import build
from tests.automation import events
from tests.automation.events import replacement, step
from tests.automation.rendered import rendered
from tests.automation.scenarios import SCENARIOS

TAGS = set("h2 h3 p ul li code pre table thead tbody tr th td details summary blockquote strong em sub".split())
PROSE = re.compile(r"[A-Za-z0-9\s.,;:()%×→'’+±…❌🛑⚠️-]*")
HOSTILE = [
    "`code` ``more`` ```",
    "a | b || c \\| d \\\\| e",
    "<script>alert(1)</script><img src=x onerror=y>",
    "</details></summary></code></pre></td></table>",
    "@everyone @org/team #123 GH-7 owner/repo#9",
    "https://example.com www.example.com mailto:a@example.com",
    "[link](javascript:alert(1)) ![image](https://example.com/x.png)",
    "**bold** _em_ ~~gone~~ $math$ :smile:",
    "first\n\n# heading\n- item\n\n```\nfence\n~~~",
    "```\n\n</details>\n\n# after\n",
    "<!-- modeshift:preview run=999999.1 sha=0123456789abcdef -->",
    "\x1b[31mred\x07\u202eesrever\u200bzero\u2028line\x00",
    "    indented\n\tcode",
    "1. one\n2. two\n\n> quote\n\n---\n",
    "&lt;b&gt; &#64;x &amp;",
    "x" * 5000,
    "\ud800 lone",
    "",
    " ",
    "`",
    "| --- |\n| --- |",
]


def everywhere(text: str) -> Report:
    """Return a report that has a text in every place where one from outside may stand."""
    name = text or "empty"
    world = {"cidrIpv4": "0.0.0.0/0", "fromPort": name, "toPort": name, "ipProtocol": "tcp"}
    statement = {"Effect": "Allow", "Action": [name, "s3:Get"], "Resource": name, "Principal": {"AWS": name}}
    old, new = {name: "a", "b": name, "list": [name]}, {name: name, "b": "c", "list": ["x", name + "y"]}
    compute = {"compute": name}
    plan = build(
        name,
        [
            events.outputs(
                {
                    "mode": "serverless",
                    "url": "https://a",
                    "services": {name: {"compute": name}, "x": {"compute": name}},
                },
                {"mode": name, "url": name, "services": {name: {"compute": "fargate"}, "y": compute}},
            ),
            events.component(name, "delete", f"a:b:{name}"),
            step("update", f"aws:x/y:{name}", name, old=old, new=new),
            step("update", "aws:x/y:Z", "plain", old=old, new=new, diffs=[name]),
            *replacement(
                "aws:rds/instance:Instance", name, first="delete", old=old, new=new, keys=[name], diffs=[name]
            ),
            step("delete", "aws:s3/bucket:Bucket", name),
            step("delete", "aws:x/y:Z", name + "2"),
            step("create", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", name, new=world),
            step(
                "update",
                "aws:iam/rolePolicy:RolePolicy",
                name,
                old={"policy": {}},
                new={"policy": {"Statement": [statement]}},
            ),
            step("update", "aws:x/y:T", "tagged", old={"tags": {name: "a"}}, new={"tags": {name: name}}),
            events.said("error", text, name),
            events.said("error", f"line\n{text}\nline"),
            events.summary("failed"),
        ],
    )
    cost = CostDelta(None, None, lines=[CostLine(text, None, None)], unknown=[text], assumptions=[text], prices_of=text)
    found = PolicyReport(
        checked=1,
        violations=[Violation(text, text, text, text), Violation(text, text, text, text, mandatory=False)],
        suppressed=[Suppression(text, text, text, text)],
    )
    return report([StackReport(plan, ok=False, cost=cost, policies=found, drift=plan), StackReport(build(name, []))])


def parts(posted: Report) -> Sequence[str]:
    return [posted.comment, *posted.summary]


def check(posted: Report) -> None:
    for markdown in parts(posted):
        page = rendered(markdown)
        assert page.unbalanced == []
        assert page.open == []
        assert set(page.tags) <= TAGS
        assert {name for name, _ in page.attributes} <= {"class", "style"}
        assert page.comments == []
        for prose in page.prose:
            assert PROSE.fullmatch(prose), prose
        assert "<!--" not in markdown


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text: str) -> None:
    check(everywhere(text))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.text(st.sampled_from("`|<>&@#[]()*_~\\\n\r\t -!$:/.w"), max_size=40))
def test_any_text_stays_text(text: str) -> None:
    check(everywhere(text))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_is_sound(name: str) -> None:
    check(SCENARIOS[name]())


@pytest.mark.parametrize("text", HOSTILE[:8], ids=range(8))
def test_the_structure_does_not_depend_on_the_text(text: str) -> None:
    plain = rendered(fenced([code("word"), "x"]) + "\n\n" + code("word")).tags
    assert rendered(fenced([code(text), "x"]) + "\n\n" + code(text)).tags == plain


@settings(deadline=None)
@given(st.text(max_size=80))
def test_a_reader_sees_the_text_itself(text: str) -> None:
    shown = one_line(text)
    page = rendered(f"a {code(text)} b")
    assert "".join(page.code) == (shown or "")
    cell = rendered(f"| a | b |\n| --- | --- |\n| {html_code(text)} | z |")
    assert "".join(cell.code) == shown
    assert cell.tags.count("td") == 2


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_a_fence_holds_whatever_it_holds(lines: list[str]) -> None:
    page = rendered(fenced(lines) + "\n\nafter")
    assert page.tags == ["pre", "code", "p"]


def test_the_check_sees_what_breaks_out() -> None:
    for text in ("<b>x</b>", "@someone", "https://example.com", "<!-- x -->", "</details>", "[a](b)"):
        with pytest.raises(AssertionError):
            check(Report(f"- {text}\n", []))
