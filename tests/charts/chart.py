"""The service chart as Helm renders it, and what Kubernetes' own schemas say of the result."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from kubernetes_validate import utils, validate

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "service"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
IMAGE = {"repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/app", "digest": f"sha256:{'a' * 64}"}
EVERYTHING: dict[str, Any] = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text(encoding="utf-8"))
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
VERSIONS = [version for version in utils.all_versions() if not version.endswith("strict")][-4:]

Manifest = dict[str, Any]
Values = Mapping[str, Any]

# Several times as fast, where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HELM = ROOT / ".venv" / "bin" / "helm"
# Definitions of all kinds are 2 MB of JSON, which the library reads again for each object.
utils.schema_contents = cache(utils.schema_contents)


class RefusedError(Exception):
    """Helm refuses the values; the text is what it says."""


def helm(*arguments: str, values: Values | None = None) -> str:
    """Run Helm with values; return what it prints."""
    given = [] if values is None else ["--values", "-"]
    answer = subprocess.run(
        [str(_HELM), *arguments, *given],
        input=_written(values),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    if answer.returncode:
        raise RefusedError(answer.stderr + answer.stdout)
    return answer.stdout


def _written(values: Values | None) -> str:
    """Return values as JSON that is YAML too, which has no pairs of surrogates and breaks lines at more characters."""
    written = json.dumps(values, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", written)


def text(values: Values | None = None, *, release: str = "probe", namespace: str = "shop") -> str:
    """Return the manifest with these values beside an image."""
    return helm("template", release, str(CHART), "--namespace", namespace, values={"image": IMAGE} | dict(values or {}))


def objects(values: Values | None = None, *, release: str = "probe", namespace: str = "shop") -> list[Manifest]:
    """Return the objects rendered with these values beside an image."""
    return [one for one in yaml.load_all(text(values, release=release, namespace=namespace), _LOADER) if one]


def refusal(values: Values, **options: str) -> str:
    """Return what Helm says against these values, empty when it takes them."""
    try:
        text(values, **options)
    except RefusedError as refused:
        return str(refused)
    return ""


def only(manifests: list[Manifest], kind: str, name: str = "probe") -> Manifest:
    """Return the one object of a kind and name."""
    (found,) = (one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def kinds(manifests: list[Manifest]) -> set[str]:
    """Return the kinds there are."""
    return {one["kind"] for one in manifests}


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Yield the pods, and what Deployments make pods from."""
    for one in manifests:
        if one["kind"] == "Deployment":
            yield one["spec"]["template"]
        elif one["kind"] == "Pod":
            yield one


def containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Yield the containers of all pods."""
    for pod in pods(manifests):
        yield from pod["spec"]["containers"]


def check(manifest: Manifest) -> None:
    """Check an object against every version of Kubernetes; done once for objects that are equal."""
    _check(json.dumps(manifest, sort_keys=True))


@cache
def _check(manifest: str) -> None:
    one = json.loads(manifest)
    if schema := _CUSTOM.get((one["apiVersion"], one["kind"])):
        jsonschema.validate(one["spec"], schema)
        return
    for version in VERSIONS:
        validate(one, version, strict=True)


def _closed(required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


_NAME = {"type": "string", "minLength": 1}
_BINDING = _closed(
    (
        "targetGroupARN",
        "serviceRef",
        "targetType",
    ),  # Auto Mode, unlike the controller people install, finds no type out
    targetGroupARN={"type": "string", "pattern": "^arn:"},
    targetType={"enum": ["ip"]},
    serviceRef=_closed(("name", "port"), name=_NAME, port={"type": ["string", "integer"]}),
)
_SECRET = _closed(
    ("secretStoreRef", "target", "data"),
    refreshInterval={"type": "string"},
    secretStoreRef=_closed(("name", "kind"), name=_NAME, kind={"enum": ["SecretStore", "ClusterSecretStore"]}),
    target=_closed(("name", "creationPolicy"), name=_NAME, creationPolicy={"enum": ["Owner"]}),
    data={
        "type": "array",
        "minItems": 1,
        "items": _closed(
            ("secretKey", "remoteRef"),
            secretKey=_NAME,
            remoteRef=_closed(("key",), key=_NAME, property=_NAME, version=_NAME),
        ),
    },
)
# What the operators' documents say of their kinds, as far as the chart uses them; Kubernetes knows only its own.
_CUSTOM = {
    ("eks.amazonaws.com/v1", "TargetGroupBinding"): _BINDING,
    ("elbv2.k8s.aws/v1beta1", "TargetGroupBinding"): _BINDING,
    ("external-secrets.io/v1", "ExternalSecret"): _SECRET,
}
