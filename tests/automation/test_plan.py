"""A plan tells from raw engine events what happens to each resource, and why."""

from __future__ import annotations

from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from automation import render
from automation.plan import Op, Plan, build

STACK = "urn:pulumi:dev::modeshift::pulumi:pulumi:Stack::modeshift-dev"
COMPONENT = "urn:pulumi:dev::modeshift::modeshift:components:LambdaService::dev-netprobe"
FUNCTION = "aws:lambda/function:Function"
BUCKET = "aws:s3/bucket:Bucket"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::modeshift::modeshift:components:LambdaService${kind}::{name}"


def step(op: str, kind: str = FUNCTION, name: str = "dev-netprobe", **metadata: Any) -> dict[str, Any]:
    state = {"type": kind, "urn": urn(kind, name), "parent": COMPONENT, "custom": True, **metadata.pop("state", {})}
    return {
        "resourcePreEvent": {
            "metadata": {"op": op, "urn": urn(kind, name), "type": kind, "old": state, "new": state, **metadata}
        }
    }


def component() -> dict[str, Any]:
    kind = "modeshift:components:LambdaService"
    state = {"type": kind, "urn": COMPONENT, "parent": STACK, "custom": False}
    return {"resourcePreEvent": {"metadata": {"op": "create", "urn": COMPONENT, "type": kind, "new": state}}}


def shown(renderable: object, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_a_replacement_counts_once_and_names_its_cause() -> None:
    detailed = {"name": {"diffKind": "update-replace"}, "memorySize": {"diffKind": "update"}}
    plan = build(
        "dev",
        [
            step("create-replacement", logical=False),
            step("replace", keys=["name"], diffs=["name", "memorySize"], detailedDiff=detailed),
            step("delete-replaced", logical=False),
        ],
    )
    assert plan.counts() == {"create": 0, "update": 0, "replace": 1, "delete": 0, "same": 0}
    (change,) = plan.changed()
    assert change.causes == ("name",)
    assert change.properties == ("memorySize", "name")


def test_without_a_detailed_diff_the_keys_and_changed_names_stand_in() -> None:
    (change,) = build("dev", [step("replace", keys=["name"], diffs=["name"], detailedDiff=None)]).changed()
    assert (change.causes, change.properties) == (("name",), ("name",))


def test_the_stack_and_default_providers_are_not_resources() -> None:
    provider = "urn:pulumi:dev::modeshift::pulumi:providers:aws::default_7_51_1"
    events = [
        {"resourcePreEvent": {"metadata": {"op": "create", "urn": STACK, "type": "pulumi:pulumi:Stack", "new": {}}}},
        {
            "resourcePreEvent": {
                "metadata": {"op": "create", "urn": provider, "type": "pulumi:providers:aws", "new": {}}
            }
        },
    ]
    assert build("dev", events).changes == {}


def test_a_refresh_tells_its_result_in_the_second_event() -> None:
    outputs = {"resOutputsEvent": step("update")["resourcePreEvent"]}
    plan = build("dev", [step("refresh"), outputs])
    assert plan.counts()["update"] == 1


def test_a_failed_operation_is_not_counted_as_done() -> None:
    failed = {"resOpFailedEvent": step("create")["resourcePreEvent"]}
    plan = build("dev", [step("create"), failed])
    assert plan.counts()["create"] == 0
    assert plan.failed == {urn(FUNCTION, "dev-netprobe")}


def test_debug_and_passing_messages_are_left_out_and_colours_removed() -> None:
    def said(severity: str, message: str, **more: Any) -> dict[str, Any]:
        return {"diagnosticEvent": {"severity": severity, "message": message, **more}}

    plan = build(
        "dev",
        [
            said("debug", "noise"),
            said("info", "passing", ephemeral=True),
            said("error", "<{%fg 1%}>broken<{%reset%}>\n"),
        ],
    )
    assert [(d.severity, d.message) for d in plan.diagnostics] == [("error", "broken")]


def test_deleting_what_holds_data_is_destructive_unless_retained() -> None:
    lost, kept = (
        build("dev", [step("delete", BUCKET, state={"retainOnDelete": retained})]).changed()[0]
        for retained in (False, True)
    )
    assert lost.destructive
    assert not kept.destructive


def test_events_of_kinds_unknown_today_are_left_alone() -> None:
    assert build("dev", [{"somethingNewEvent": {"x": 1}}, {"cancelEvent": {}}]).changes == {}


def test_a_person_reads_counts_components_and_causes() -> None:
    plan = build("dev", [component(), step("replace", keys=["packageType"])])
    text = shown(render.plan_view(plan))
    assert "dev-netprobe" in text
    assert "LambdaService" in text
    assert "because of packageType" in text
    assert "1 to replace" in text


def test_what_holds_data_is_named_in_plain_sight() -> None:
    text = shown(render.plan_view(build("dev", [step("delete", BUCKET, "dev-data")])))
    assert "Bucket dev-data is deleted, and the data goes with it." in text


_names = st.text(st.characters(codec="utf-8", exclude_characters=":$"), min_size=1, max_size=40)
_steps = st.lists(
    st.tuples(st.sampled_from([*(op.value for op in Op), "create-replacement", "delete-replaced"]), _names)
)


@given(_steps, st.integers(20, 200))
def test_any_plan_renders_and_counts_every_resource_once(steps: list[tuple[str, str]], width: int) -> None:
    plan = build("dev", [step(op, name=name) for op, name in steps])
    shown(render.plan_view(plan), width)
    counted = {name for op, name in steps if op in {"create", "update", "replace", "delete", "same"}}
    assert sum(plan.counts().values()) <= len(counted) or not counted
    assert sum(plan.counts().values()) + sum(c.op is Op.READ for c in plan.changes.values()) == len(plan.changes)


def test_outputs_show_as_dotted_names() -> None:
    text = shown(render.outputs_view({"outer": {"inner": 7}, "url": "https://example.com"}))
    assert "outer.inner" in text
    assert "https://example.com" in text


def test_messages_of_one_failure_are_said_once() -> None:
    plan = Plan("dev")
    for _ in range(3):
        plan.add({"diagnosticEvent": {"severity": "error", "message": "no such role", "urn": urn(FUNCTION, "f")}})
    assert shown(render.diagnostics_view(plan.errors())).count("no such role") == 1
