"""Random values that the chart's schema takes, made from the schema itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
from hypothesis import strategies as st

from tests.charts.chart import DEFAULTS, SCHEMA

_VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
_TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n\r", exclude_characters="\ufffe\uffff")
)
# What YAML takes for something else, or for the end of a text, where it stands bare.
_TRAPS = st.sampled_from(
    [
        *("true", "no", "null", "~", "1e3", "0x1f", "012", "1_000", "2020-01-01", ".inf", "*a", "&a", "!!int 1", "- a"),
        *(
            "a: b",
            "#",
            "'",
            '"',
            "\\",
            "{{ .Values }}",
            "{{",
            "\n---\nkind: Pod\n",
            "}\n]",
            "%",
            "@",
            "`",
            "> a",
            "| a",
        ),
        *(
            "$(PATH)",
            "$$",
            "$",
            "a$$(b)c",
            "\u0085",
            "\u2028",
            "\ufeff",
            "\x7f",
            "\U0010ffff",
            "é\t",
            " a ",
            "a\r\nb",
            "",
        ),
    ]
)


def accepted() -> st.SearchStrategy[dict[str, Any]]:
    """Return values that the schema takes, and that keep the one rule it cannot say."""
    return _object(SCHEMA).filter(lambda values: _VALIDATOR.is_valid(_merged(DEFAULTS, values))).map(_ordered)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return what Helm makes of the chart's own values and those given."""
    both = {key: _merged(under[key], over[key]) for key in under.keys() & over.keys() if isinstance(under[key], dict)}
    return under | over | both


def _ordered(values: dict[str, Any]) -> dict[str, Any]:
    for block, defaults in ((values, DEFAULTS), (values.get("worker", {}), DEFAULTS["worker"])):
        scaling = block.get("autoscaling", {})
        low, high = (scaling.get(bound, defaults["autoscaling"][bound]) for bound in ("minReplicas", "maxReplicas"))
        if low > high:
            scaling |= {"minReplicas": high, "maxReplicas": low}
    return values


def _of(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _of(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:
        return st.one_of(*map(_of, schema["anyOf"]))
    return _KINDS[schema["type"]](schema)


def _object(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = {name: _of(below) for name, below in schema.get("properties", {}).items()}
    if known:
        required = {name: known.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(required, optional=known)
    if "additionalProperties" not in schema:
        return st.just({})
    names = schema.get("propertyNames", {})
    return st.dictionaries(_string(names), _of(schema["additionalProperties"]), max_size=3).filter(
        lambda made: not set(made) & set(names.get("not", {}).get("enum", ()))
    )


def _string(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    pattern, longest = schema.get("pattern"), schema.get("maxLength", 1000)
    texts = _TEXTS if pattern is None or pattern.startswith(r"^[^\x00") else st.from_regex(pattern, fullmatch=True)
    allowed = jsonschema.Draft7Validator(schema)
    traps = _TRAPS.filter(allowed.is_valid) if allowed.is_valid("true") or texts is _TEXTS else st.nothing()
    return (traps | texts).filter(lambda text: schema.get("minLength", 0) <= len(text) <= longest)


def _array(schema: Mapping[str, Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(
        _of(schema["items"]), min_size=schema.get("minItems", 0), max_size=3, unique=schema.get("uniqueItems", False)
    )


_KINDS: dict[str, Callable[[Mapping[str, Any]], st.SearchStrategy[Any]]] = {
    "array": _array,
    "boolean": lambda _: st.booleans(),
    "integer": lambda schema: st.integers(schema["minimum"], schema["maximum"]),
    "object": _object,
    "string": _string,
}
