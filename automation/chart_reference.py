"""Write the values in charts/service/README.md from the chart's schema: `python -m automation.chart_reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "service"
README = CHART / "README.md"

_HEADING = "## Values\n"
_INTRODUCTION = """\
Generated from `values.schema.json`, which refuses every other key: `python -m automation.chart_reference`. NAME stands
for a name of your own.

| value | default | allowed | meaning |
|---|---|---|---|
"""

Schema = Mapping[str, Any]


def page() -> str:
    """Return the README with its last section, the table, as the schema has it."""
    prose, heading, _ = README.read_text(encoding="utf-8").partition(_HEADING)
    return f"{prose}{heading}\n{_INTRODUCTION}" + "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return _block(schema, schema["definitions"], defaults, "")


def _block(schema: Schema, definitions: Schema, defaults: object, path: str) -> Iterator[str]:
    """Yield a row for each key of a block, and below it those of the block that it holds."""
    if "properties" in schema.get("items", {}):
        schema, path = schema["items"], f"{path.removesuffix('.')}[]."
    keys = schema.get("properties") or ({"NAME": schema["additionalProperties"]} if _named(schema) else {})
    for key, below in keys.items():
        known = {**definitions[below["$ref"].rpartition("/")[2]], **below} if "$ref" in below else below
        default = defaults.get(key) if isinstance(defaults, dict) else None
        required = key in schema.get("required", ())
        cells = (f"`{path}{key}`", _default(default, known, required=required), _allowed(known), known["description"])
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield from _block(known, definitions, default, f"{path}{key}.")


def _named(schema: Schema) -> bool:
    """Tell whether a block holds blocks by names of the user's, which have rows of their own."""
    return "properties" in _values(schema) or "$ref" in _values(schema)


def _values(schema: Schema) -> Schema:
    values = schema.get("additionalProperties")
    return values if isinstance(values, dict) else {}


def _default(value: object, schema: Schema, *, required: bool) -> str:
    if "properties" in schema:
        return ""
    if value is None:
        return "needed" if required else "none"
    return f"`{json.dumps(value)}`" if value not in ("", [], {}) else "empty"


def _allowed(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{choice}`" if choice else "empty" for choice in schema["enum"])
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(_allowed(one) for one in schema["anyOf"])
    kind = schema["type"]
    if kind == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    if kind == "object":
        return "block" if "properties" in schema else "blocks by name" if _named(schema) else "texts by name"
    return {"boolean": "true, false", "array": "list", "string": "text"}[kind]


if __name__ == "__main__":
    README.write_text(page(), encoding="utf-8")
