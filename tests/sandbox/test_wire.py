"""Property bags survive the way to the engine and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import wire

_SECRET = {wire.SIGNATURE: "1b47061264138c4ac30d75fd1eb44270"}
_text = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda text: text != wire.SIGNATURE)
_numbers = st.one_of(st.integers(-(2**50), 2**50), st.floats(allow_nan=False, allow_infinity=False))
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(_text, _values, max_size=4))
def test_any_bag_comes_back_as_it_went(values: wire.Values) -> None:
    bag = wire.read(wire.write(values))
    assert bag.values == values
    assert not bag.secrets


def test_secrets_are_unwrapped_and_remembered() -> None:
    message = wire.write({"a": {**_SECRET, "value": "x"}, "b": {"c": {**_SECRET, "value": 1}, "d": 2}})
    bag = wire.read(message)
    assert bag.values == {"a": "x", "b": {"c": 1, "d": 2}}
    assert bag.secrets == {("a",), ("b", "c")}
    assert wire.write(bag.values, bag.secrets) == message


def test_a_secret_in_a_list_makes_the_list_secret() -> None:
    bag = wire.read(wire.write({"a": ["x", {**_SECRET, "value": "y"}]}))
    assert bag.values == {"a": ["x", "y"]}
    assert bag.secrets == {("a",)}


def test_a_secret_is_wrapped_once_where_paths_overlap() -> None:
    written = wire.write({"a": {"b": "x"}}, {("a",), ("a", "b")})
    assert wire.read(written) == wire.Bag({"a": {"b": "x"}}, {("a",), ("a", "b")})


def test_every_kind_of_unknown_is_the_one_unknown() -> None:
    number = "3eeb2bf0-c639-47a8-9e75-3b44932eb421"
    bag = wire.read(wire.write({"a": number, "b": [number]}))
    assert bag.values == {"a": wire.UNKNOWN, "b": [wire.UNKNOWN]}
    assert wire.has_unknown(bag.values)
    assert not wire.has_unknown({"a": [{"b": "known"}]})


def test_a_resource_reference_is_its_id() -> None:
    reference = {wire.SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": "urn:x", "id": "vpc-1"}
    assert wire.read(wire.write({"vpcId": reference})).values == {"vpcId": "vpc-1"}
