"""Write docs/app-settings.md from the settings' own classes: `python -m app.reference > docs/app-settings.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import getdoc
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from app.core import service
from app.core.settings import EnvironmentSettings, Settings
from app.core.worker_settings import WorkerSettings

_INTRODUCTION = """\
# Settings of the app

Environment variables, read once at start. An empty one counts as unset. Wrong ones keep the app from starting; one
report names them all. In a stack they stand under `services.NAME.env`, secret ones under `services.NAME.secrets`.

This page is generated: `python -m app.reference > docs/app-settings.md`.
"""
_OTHERS = """\
## Not the app's own

| variable | default | meaning |
|---|---|---|
| `MODESHIFT_SECRETS` | none | JSON of name to reference (`arn:…:secret:NAME:KEY::`): variables resolved at start. |
| `MODESHIFT_OPTIONAL_SECRETS` | none | The same; a secret that has no value yet leaves its variable unset. |
| `SSL_CERT_FILE` | certifi's list | Authorities that HTTPS probes trust. |
"""


def reference() -> str:
    """Return the page."""
    for name in service.names():
        service.load(name, {})
    others = sorted(
        (kind for kind in _below(EnvironmentSettings) if kind.__module__.startswith("app.services.")),
        key=lambda kind: kind.__module__,
    )
    return "\n".join(
        [_INTRODUCTION, _section("Every service", Settings), *map(_of_service, [WorkerSettings, *others]), _OTHERS]
    )


def _below(settings: type[EnvironmentSettings]) -> Iterator[type[EnvironmentSettings]]:
    for kind in settings.__subclasses__():
        yield kind
        yield from _below(kind)


def _of_service(settings: type[EnvironmentSettings]) -> str:
    return _section((getdoc(settings) or "").rstrip("."), settings)


def _section(title: str, settings: type[EnvironmentSettings]) -> str:
    return "\n".join([f"## {title}\n", "| variable | default | meaning |", "|---|---|---|", *_rows(settings), ""])


def _rows(settings: type[EnvironmentSettings]) -> Iterator[str]:
    for field in settings.model_fields.values():
        if field.alias in {other.alias for other in Settings.model_fields.values()} and settings is not Settings:
            continue
        yield f"| `{field.alias}` | {_default(field)} | {_meaning(field)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return "none" if default in (None, "", {}) else f"`{default}`"


def _meaning(field: FieldInfo) -> str:
    meaning = " ".join((field.description or "").split())
    if get_origin(field.annotation) is Literal and len(choices := get_args(field.annotation)) > 1:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return meaning.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
