"""The inputs of the aws provider itself: which there are, what they default to, what a change of them means."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping

from sandbox.control.errors import Refusal
from sandbox.control.scope import configured
from sandbox.control.wire import Values, has_unknown

_FROM_ENVIRONMENT = ("AWS_REGION", "AWS_DEFAULT_REGION")
# Keys that the engine itself adds to a provider's inputs.
_ENGINES_OWN = frozenset({"version", "pluginDownloadURL", "__internal", "__defaults"})


def check_configuration(inputs: Values, known: Mapping[str, str], name: str) -> tuple[Values, list[str]]:
    """Return a provider's inputs with their defaults, and what is wrong with them."""
    region = next((os.environ[variable] for variable in _FROM_ENVIRONMENT if os.environ.get(variable)), None)
    completed = inputs if "region" in inputs or region is None else {**inputs, "region": region}
    failures = [
        _unknown_key(key, known, name) for key in inputs if known and key not in known and key not in _ENGINES_OWN
    ]
    if not failures and not has_unknown(completed):
        try:
            configured(completed)
        except Refusal as refusal:
            failures.append(str(refusal))
    return completed, failures


def _unknown_key(key: str, known: Mapping[str, str], name: str) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    if name.startswith("default"):
        hint = f" Did you mean `aws:{near[0]}`?" if near else ""
        where = f"Check `pulumi config get aws:{key}`.{hint}"
    else:
        hint = f' Did you mean "{near[0]}"?' if near else ""
        where = f"Examine values at '{name}.{key}'.{hint}"
    return f"could not validate provider configuration: Invalid or unknown key. {where}"


def replaces_everything(old: Values, new: Values) -> bool:
    """Tell whether a change of configuration replaces the provider, and with it what it made."""
    return old.get("region") != new.get("region")
