"""Ids, ARNs and other outputs are made from what is known of a resource."""

from __future__ import annotations

import pytest

from sandbox.control.scope import Scope
from sandbox.control.templates import Template, uses
from sandbox.control.wire import UNKNOWN, Value, Values

VALUES: Values = {"name": "web", "tags": {"a": "b"}, "on": True, "subnets": ["s1", "s2"], "later": UNKNOWN, "n": 7}
COMPUTED: Values = {"arn": "arn:{partition}:x:{region}:{account}:{name}/{hex8}", "suffix": "{name}/{hex8}"}


@pytest.fixture
def template() -> Template:
    template = Template(
        Scope("cn-north-1"), "cn-north-1", dict(VALUES), COMPUTED, lambda prop, field: f"<{prop}.{field}>"
    )
    template.fixed["id"] = "i-1"
    return template


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        ("plain", "plain"),
        ("", ""),
        (7, 7),
        ("{name}-{id}", "web-i-1"),
        ("{absent}", None),
        ("{name}{absent}", "web"),
        ("{tags.a}/{subnets.1}/{n}", "b/s2/7"),
        ("{subnets}", ["s1", "s2"]),
        ("{on}", True),
        ("is {on}", "is true"),
        ("{later}", UNKNOWN),
        ("{name}-{later}", UNKNOWN),
        ("{partition}", "aws-cn"),
        ("{lookup:subnetId:vpcId}", "<subnetId.vpcId>"),
        ("{crc32:absent|name}", "365508689"),
        ("{case:on:true=yes-,*=no-}{name}", "yes-web"),
        ("{case:name:web=a,*=*}", "a"),
        ("{case:n:web=a,*=_*}", "_7"),
        ("{case:absent:*=_*}", ""),
        ("{case:absent:=none,*=_*}", "none"),
        ("{case:later:a=b}", UNKNOWN),
        ("{case:on:true=x{name}}", "xweb"),
        ("{after:name:w}", "eb"),
        ("{after:name:zzz}", "web"),
        ('{"Statement":[{"Effect":"Allow"}]}', '{"Statement":[{"Effect":"Allow"}]}'),
        ([{"a": "{name}"}], [{"a": "web"}]),
    ],
)
def test_a_template_is_filled(template: Template, source: Value, filled: Value) -> None:
    assert template.fill(source) == filled


def test_the_same_draw_is_drawn_once_and_outputs_use_each_other(template: Template) -> None:
    arn, suffix = str(template.fill("{arn}")), str(template.fill("{suffix}"))
    assert arn == f"arn:aws-cn:x:cn-north-1:123456789012:{suffix}"
    assert template.fill("{hex8}") == template.fill("{hex8}")
    assert template.fill("{hex8}") != template.fill("{hex8:other}")
    assert len(str(template.fill("{digits12}"))) == 12
    assert len(str(template.fill("{uuid}"))) == 36


def test_a_placeholder_left_open_is_a_mistake(template: Template) -> None:
    with pytest.raises(ValueError, match="not closed"):
        template.fill("{name")


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{name}-{tags.a}", {"name", "tags"}),
        ("{lookup:subnetId:vpcId}", {"subnetId"}),
        ("{crc32:a|b}", {"a", "b"}),
        ("{case:on:true=x{name}}", {"on", "name"}),
        ([{"a": "{name}"}], {"name"}),
        ("plain", set()),
    ],
)
def test_what_a_template_uses_is_known(source: Value, names: set[str]) -> None:
    assert uses(source) == names
