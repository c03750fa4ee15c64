"""`modeshift secrets set`: give a secret of the stack its value. No value is shown, kept, or part of an argument."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from automation.errors import Exit, UserError
from automation.operate.asking import asked, missing
from automation.operate.deployed import Deployed, Part, Secret
from stacks.errors import nearest
from stacks.links import SecretSettings
from stacks.settings import Compute, StackSettings

_NO_VALUE: Final = "ResourceNotFoundException"
_MOST_BYTES: Final = 65536


@dataclass(frozen=True)
class Slot:
    """Where a value goes: a link of a service, and the key of its JSON; all of the JSON when that is empty."""

    service: str
    link: str
    secret: Secret
    keys: Sequence[str]
    """Every key that the service reads."""
    key: str = ""

    @property
    def title(self) -> str:
        """Return how people call it."""
        return f"{self.service}.{self.link}" + (f".{self.key}" if self.key else "")


def find(deployed: Deployed, settings: StackSettings, name: str, service: str | None) -> Slot:
    """Return what a name means: a key as in `OPENAI_API_KEY`, or a link as in `keys`.

    Raises:
        UserError: it means nothing, or several things.
    """
    slots = [slot for one in _slots(deployed, settings) for slot in one]
    if service is not None:
        deployed.service(service)
        slots = [slot for slot in slots if slot.service == service]
    found = [slot for slot in slots if name in {slot.key or slot.link, slot.title}]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{name} is a secret of several services.",
            hint=f"Add --service: {', '.join(sorted({slot.service for slot in found}))}.",
        )
    names = sorted({slot.key or slot.link for slot in slots})
    near = nearest(name, names)
    hint = f"Did you mean {near}? " if near else ""
    raise UserError(
        f"The stack {deployed.stack} has no secret {name!r} for people to fill{f' in {service}' if service else ''}.",
        hint=f"{hint}There are: {', '.join(names) or 'none'}.",
    )


def put(client: Any, slot: Slot, value: str) -> list[str]:  # noqa: ANN401 boto3 has no types of its own
    """Give a secret its value, and return the keys that still have none; other keys keep theirs.

    Raises:
        UserError: the value is none for this secret, or AWS does not take it.
    """
    given = {slot.key: value} if slot.key else _parsed(slot, value)
    if any(not each for each in given.values()):
        raise UserError(f"The value for {slot.title} is empty.", hint="Nothing was changed.")
    document = {**_current(client, slot), **given}
    text = json.dumps(document)
    if len(text.encode()) > _MOST_BYTES:
        raise UserError(f"{slot.title} would be larger than the 64 KiB of a secret.", hint="Nothing was changed.")
    asked(
        lambda: client.put_secret_value(SecretId=slot.secret.arn, SecretString=text),
        f"take the value of {slot.title}",
        "secretsmanager:PutSecretValue",
        "kms:GenerateDataKey on the stack's key",
    )
    return [key for key in slot.keys if key not in document]


def readers(deployed: Deployed, slot: Slot) -> list[Part]:
    """Return what reads the secret, and only when it starts."""
    return list(deployed.services[slot.service].parts)


def next_step(parts: Sequence[Part], stack: str) -> str:
    """Say what must start anew to see a new value."""
    commands: list[str] = []
    for part in parts:
        worker = " --worker" if part.kind == "worker" else ""
        if part.compute is Compute.FARGATE:
            commands.append(f"modeshift redeploy {part.service}{worker} --stack {stack}")
        elif part.compute is Compute.EKS:
            commands.append(f"kubectl -n {part.namespace} rollout restart deployment/{part.identity}")
    said = f"What runs has the old value until it starts anew: {'; '.join(commands)}." if commands else ""
    if any(part.compute is Compute.LAMBDA for part in parts):
        functions = (
            "New instances of functions have it by themselves; those that live keep the old one for up to some hours "
            "(`modeshift redeploy` says how to have fresh ones now)."
        )
        said = f"{said} {functions}".strip()
    return said


def _slots(deployed: Deployed, settings: StackSettings) -> list[list[Slot]]:
    secrets = {secret.name: secret for secret in deployed.secrets}
    found: list[list[Slot]] = []
    for service, said in settings.services.items():
        for link, wanted in said.links.items():
            secret = secrets.get(f"{deployed.stack}-{service}-{link}")
            if isinstance(wanted, SecretSettings) and secret is not None and service in deployed.services:
                of_link = [Slot(service, link, secret, wanted.keys, key) for key in ("", *wanted.keys)]
                found.append(of_link)
    return found


def _parsed(slot: Slot, value: str) -> Mapping[str, Any]:
    """Return the keys of a value that is all of a secret's JSON; what is wrong is said without a word of it."""
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    keys = ", ".join(slot.keys)
    if not isinstance(document, dict):
        raise UserError(
            f"{slot.title} is a JSON object with the keys {keys}; what was given is none.",
            hint=f"Or set one key: modeshift secrets set {slot.keys[0]}",
        )
    unknown = sorted(set(document) - set(slot.keys))
    if unknown:
        raise UserError(
            f"{slot.service} reads no key {', '.join(repr(key) for key in unknown)} of {slot.link}.",
            hint=f"Its keys are {keys}.",
        )
    return document


def _current(client: Any, slot: Slot) -> dict[str, Any]:  # noqa: ANN401
    answer = asked(
        lambda: missing(lambda: client.get_secret_value(SecretId=slot.secret.arn), _NO_VALUE),
        f"read {slot.title}, whose other keys must stay",
        "secretsmanager:GetSecretValue",
        "kms:Decrypt on the stack's key",
    )
    try:
        document = json.loads(answer["SecretString"]) if answer else {}
    except (KeyError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise UserError(
            f"What {slot.title} holds now is no JSON object: somebody filled it in another way.",
            hint="Look at it in Secrets Manager, and delete that version or replace it there.",
            code=Exit.FAILED,
        )
    return document
