"""Whatever is secret on one side is shown on neither, in no output, wherever the engine lets it stand in clear."""

from __future__ import annotations

import json
import logging
import re
import stat
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from automation import journal, operations, render
from automation.errors import Exit
from automation.markdown import StackReport, report
from automation.operations import Result
from automation.plan import Plan, build
from automation.plan.values import Hidden, hide, readable
from tests.automation import events
from tests.automation.events import SECRET, step

FUNCTION = "aws:lambda/function:Function"
DATABASE = "aws:rds/instance:Instance"
PLANTED = "hunter2-planted"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----"


def outputs_of(plan: Plan) -> Mapping[str, str]:
    """Return everything a person or a machine gets to see of a plan."""
    console = Console(file=StringIO(), width=200, color_system=None)
    console.print(render.plan_view(plan, "before"))
    console.print(render.diagnostics_view(plan.diagnostics))
    console.print(render.outputs_view(plan.outputs_after))
    posted = report([StackReport(plan, ok=False, drift=plan)])
    result = Result(plan.stack, plan, Exit.DONE, 1.0)
    return {
        "console": console.file.getvalue(),
        "comment": posted.comment,
        "summary": "\n".join(posted.summary),
        "json": json.dumps(operations.document([result], "")),
    }


def update(old: Mapping[str, Any], new: Mapping[str, Any], token: str = FUNCTION, **more: Any) -> dict[str, Any]:
    return step("update", token, old=old, new=new, **more)


def variables(value: object, name: str = "SETTING") -> dict[str, Any]:
    return {"environment": {"variables": {name: value}}}


def allowing(resource: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    return {"policy": json.dumps({"Statement": [statement]})}


def containers(value: str) -> dict[str, Any]:
    return {
        "containerDefinitions": json.dumps([{"name": "app", "environment": [{"name": "DB_PASSWORD", "value": value}]}])
    }


PLACES: Mapping[str, list[dict[str, Any]]] = {
    "plain before, secret now": [update(variables(PLANTED), variables(SECRET))],
    "secret before, plain now": [update(variables(SECRET), variables(PLANTED))],
    "the whole block is secret now": [update(variables(PLANTED), {"environment": SECRET})],
    "the whole block was secret": [update({"environment": SECRET}, variables(PLANTED))],
    "in a list that another element joins": [
        update({"users": [{"pin": PLANTED}]}, {"users": [{"pin": "other"}, {"pin": SECRET}]}),
    ],
    "in a list that loses an element": [update({"words": [PLANTED, "b"]}, {"words": [SECRET]})],
    "a part of a text that the engine hides": [
        update({"url": f"db://u:{PLANTED}@h"}, {"url": "db://u:[secret]@h"}),
    ],
    "a part of a text, and elsewhere in clear": [
        update({"dsn": f"user=u key={PLANTED} host=h"}, {"dsn": "user=u key=[secret] host=h"}),
        step("update", DATABASE, "other", old={"note": f"see {PLANTED}"}, new={"note": "gone"}),
    ],
    "elsewhere in clear, on a resource that is deleted": [
        update(variables(PLANTED), variables(SECRET)),
        step("update", FUNCTION, "other", old={"note": PLANTED}, new={"note": "b"}),
        step("delete", "aws:iam/rolePolicy:RolePolicy", "p", old=allowing(PLANTED)),
    ],
    "in what the program or the engine says": [
        update(variables(PLANTED), variables(SECRET)),
        events.said("error", f"cannot reach db with {PLANTED}"),
    ],
    "a name that says it": [update(variables("a", "API_KEY"), variables(PLANTED, "API_KEY"))],
    "a password the provider does not mark": [update({"password": "a"}, {"password": PLANTED}, DATABASE)],
    "a variable of a container": [
        update(containers("a"), containers(PLANTED), "aws:ecs/taskDefinition:TaskDefinition")
    ],
    "a private key in plain text": [update({"note": "none"}, {"note": KEY})],
    "a private key in an error": [events.said("error", f"bad key {KEY} in request")],
    "a URL with a password": [update({"source": "-"}, {"source": f"https://user:{PLANTED}@example.com/x"})],
    "what a provider was configured with": [
        update({"secretKey": PLANTED, "region": PLANTED}, {"secretKey": SECRET, "region": "b"}, "pulumi:providers:aws"),
        step("create", "pulumi:providers:gcp", "gcp", new={"credentials": KEY, "note": PLANTED}),
    ],
    "an output of the stack": [events.outputs({"url": PLANTED, "mode": PLANTED}, {"url": SECRET, "mode": SECRET})],
    "an output of a function": [
        update(
            variables("a"),
            variables(
                {
                    "4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4",
                    "value": PLANTED,
                    "secret": True,
                }
            ),
        )
    ],
    "a pattern of the stack": [
        events.prelude(maskPatterns=[r"hunter\d-\w+"]),
        update(variables("a"), variables(PLANTED)),
        events.said("warning", f"found {PLANTED}"),
        events.said("error", f"found {PLANTED}"),
    ],
    "the settings of the stack": [events.prelude(owner=PLANTED, services={"a": {"env": {"X": PLANTED}}})],
}


@pytest.mark.parametrize("place", PLACES)
def test_no_output_shows_what_is_secret(
    place: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    plan = build("prod", [*PLACES[place], events.summary("failed")])
    for name, text in outputs_of(plan).items():
        assert PLANTED not in text, name
    assert PLANTED not in caplog.text
    assert PLANTED not in "".join(capfd.readouterr())


def test_the_search_finds_what_is_not_hidden() -> None:
    plan = build("prod", [update(variables("a"), variables(PLANTED))])
    assert all(PLANTED in text for text in outputs_of(plan).values())


def test_a_rotated_secret_is_a_change_that_shows_no_value() -> None:
    plan = build("prod", [update({"password": SECRET}, {"password": SECRET}, DATABASE, diffs=["password"])])
    (one,) = plan.changed()[0].diff
    assert (one.path, one.before, one.after) == ("password", Hidden.SECRET, Hidden.SECRET)
    assert "`password` is secret, and changes" in outputs_of(plan)["comment"]


def test_a_pattern_that_is_none_is_taken_as_text() -> None:
    plan = build(
        "prod", [events.prelude(maskPatterns=["(" + PLANTED]), update(variables("a"), variables("(" + PLANTED))]
    )
    assert PLANTED not in outputs_of(plan)["comment"]


def test_a_pattern_that_matches_nothing_in_particular_hides_nothing_else() -> None:
    plan = build("prod", [events.prelude(maskPatterns=["x*"]), update(variables("a"), variables("hello"))])
    assert "hello" in outputs_of(plan)["comment"]


def test_a_log_of_events_is_its_owners_alone(tmp_path: Path) -> None:
    with journal.recorded(tmp_path, "dev", "up") as log:
        assert stat.S_IMODE(log.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


_values = st.recursive(
    st.sampled_from([PLANTED, "other", 7, None]) | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(_values, _values)
def test_what_is_secret_at_a_place_is_hidden_on_both_sides(before: Any, after: Any) -> None:
    ones, others = hide(readable(before), readable(after))
    for secret, shown in ((after, ones), (before, others)):
        for path in secrets_in(secret):
            assert not list(texts_at(shown, path)), path


@settings(deadline=None)
@given(_values)
def test_what_is_not_secret_is_shown_as_it_is(value: Any) -> None:
    if not list(secrets_in(value)):
        assert hide(readable(value), readable(value)) == (value, value)


def secrets_in(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places of secrets; all elements of a list are one place."""
    if value == SECRET:
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from secrets_in(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item, (*path, "*"))


def texts_at(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield every text in clear at a place."""
    if isinstance(value, dict) and path and path[0] != "*":
        yield from texts_at(value.get(path[0]), path[1:])
    elif isinstance(value, list) and path and path[0] == "*":
        for item in value:
            yield from texts_at(item, path[1:])
    else:
        yield from (text for text in re.findall(r"hunter2-planted|other", json.dumps(value)))
