"""What a function, task or pod of the account is told, made to mean this machine: same variables, other addresses."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sandbox.control.account import Account, Resource
from sandbox.data import client
from sandbox.data.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

Compute = Literal["lambda", "fargate", "eks"]
TYPES: Mapping[Compute, str] = {
    "lambda": "aws:lambda/function:Function",
    "fargate": "aws:ecs/taskDefinition:TaskDefinition",
    "eks": "kubernetes:helm.sh/v3:Release",
}
ENTRY_POINT = ("python3", "-m", "app")
"""What an image of the app runs unless it is told something else."""
_CLUSTER = "aws:eks/cluster:Cluster"
_PROXY = "aws:rds/proxy:Proxy"
_PROXY_TARGET = "aws:rds/proxyTarget:ProxyTarget"
_REGION = "us-east-1"
_ARN_PARTS = 7


@dataclass(frozen=True)
class Workload:
    """What one compute of a service runs, ready to be started here; HOST and PORT are left to whoever starts it."""

    resource: Resource
    environment: Mapping[str, str]
    command: tuple[str, ...] = ()
    """What a container runs; empty when its image says so."""
    handler: str = ""
    """What a function calls."""


def workload(account: Path, name: str, compute: Compute) -> Workload:
    """Return what a function, task or release does that goes by a logical name, as in `dev-users-worker`.

    Starts the account's data services unless they run.

    Raises:
        DataError: There is no such thing, or it cannot have what it needs.

    """
    found = [one for one in _resources(account) if one.type == TYPES[compute]]
    named = [one for one in found if one.urn.rsplit("::", 1)[-1] == name]
    if not named:
        known = ", ".join(sorted(one.urn.rsplit("::", 1)[-1] for one in found)) or "none"
        message = f"Nothing that runs on {compute} is called {name}; there is: {known}."
        raise DataError(message)
    return described(account, named[-1])


def described(account: Path, resource: Resource) -> Workload:
    """Return what a function, a task definition or a release of a chart does."""
    outputs: dict[str, Any] = resource.outputs
    owner = resource.urn.rsplit("::", 1)[-1]
    if resource.type == TYPES["lambda"]:
        given = (outputs.get("environment") or {}).get("variables") or {}
        image = (outputs.get("imageConfig") or {}).get("commands") or [""]
        mounts = {str(one["localMountPath"]): str(one["arn"]) for one in _listed(outputs.get("fileSystemConfig"))}
        environment = environment_of(account, given, region=resource.region, mounts=mounts, owner=owner)
        return Workload(resource, environment, handler=outputs.get("handler") or image[0])
    if resource.type == TYPES["eks"]:
        values = {**(outputs.get("values") or {})}
        given = {str(key): str(value) for key, value in (values.get("env") or {}).items()}
        command = (values.get("worker") or {}).get("command") or values.get("args") or []
        environment = environment_of(account, given, region=_region_of_cluster(account, resource), owner=owner)
        return Workload(resource, environment, runnable(command))
    container = json.loads(outputs["containerDefinitions"])[0]
    given = {one["name"]: one["value"] for one in container.get("environment") or []}
    references = {one["name"]: one["valueFrom"] for one in container.get("secrets") or []}
    volumes = {one["name"]: one for one in _listed(outputs.get("volumes"))}
    mounts = {
        one["containerPath"]: volumes[one["sourceVolume"]]["efsVolumeConfiguration"]["fileSystemId"]
        for one in container.get("mountPoints") or []
        if (volumes.get(one["sourceVolume"]) or {}).get("efsVolumeConfiguration")
    }
    environment = environment_of(
        account, given, region=resource.region, mounts=mounts, references=references, owner=owner
    )
    return Workload(resource, environment, runnable([*container.get("entryPoint", []), *container.get("command", [])]))


def environment_of(
    account: Path,
    given: Mapping[str, str],
    *,
    region: str = "",
    mounts: Mapping[str, str] | None = None,
    references: Mapping[str, str] | None = None,
    owner: str = "sandbox",
) -> dict[str, str]:
    """Return an environment under which the same code finds the sandbox's data services.

    Addresses of databases and their proxies become those of the clusters here, calls of AWS go to the sandbox's
    endpoint with keys that mean nothing, mounted file systems are folders. Starts the services unless they run.

    Args:
        account: Folder of the account.
        given: What the account says.
        region: Where it runs; what `given` says of it, else us-east-1.
        mounts: File systems, or access points, by the path where they are.
        references: Secrets whose values the platform puts into variables, as task definitions name them.
        owner: Who signs calls of AWS with it.

    Raises:
        DataError: The services do not run, or a secret has no value.

    """
    services = client.start(account)
    region = given.get("AWS_REGION") or region or _REGION
    local = dict(given)
    for address, here in _addresses(account, services).items():
        pattern = re.compile(rf"{re.escape(address)}(:\d+)?")
        local = {name: pattern.sub(here, value) for name, value in local.items()}
    for path, what in (mounts or {}).items():
        folder = account.resolve() / "data" / "files" / re.split("[:/]", what)[-1]
        folder.mkdir(parents=True, exist_ok=True)
        local = {name: str(folder) if value == path else value for name, value in local.items()}
    local |= {
        "AWS_ACCESS_KEY_ID": owner,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": services["endpoint"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    for name, reference in (references or {}).items():
        local[name] = _value(services["endpoint"], name, reference)
    return local


def _resources(account: Path) -> list[Resource]:
    store = Account(account)
    try:
        return store.list_resources()
    finally:
        store.close()


def _region_of_cluster(account: Path, release: Resource) -> str:
    """Return where the cluster of a release is, which is the one of its stack."""
    stack = release.urn.split("::")[0]
    clusters = (one for one in _resources(account) if one.type == _CLUSTER)
    return next((one.region for one in clusters if one.urn.split("::")[0] == stack), "")


def _addresses(account: Path, services: Mapping[str, Any]) -> dict[str, str]:
    """Return where each address of a database is here, the longest first: one may begin another."""
    resources = _resources(account)
    ports = {one["identifier"]: f"127.0.0.1:{one['port']}" for one in services["databases"]}
    found = {one["address"]: ports[one["identifier"]] for one in services["databases"]}
    behind = {str(one.outputs["dbProxyName"]): one for one in resources if one.type == _PROXY_TARGET}
    for proxy in (one for one in resources if one.type == _PROXY):
        target = behind.get(str(proxy.outputs["name"]))
        here = ports.get(str(target.outputs.get("dbInstanceIdentifier"))) if target else None
        if here:
            found[str(proxy.outputs["endpoint"])] = here
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def secret_value(endpoint: str, arn: str) -> str:
    """Return the current value of a secret.

    Raises:
        DataError: It has none.

    """
    import boto3  # noqa: PLC0415 - slow to load
    from botocore.exceptions import ClientError  # noqa: PLC0415

    manager = boto3.client(
        "secretsmanager",
        region_name=arn.split(":")[3],
        endpoint_url=endpoint,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106 - signs for a server that checks nothing
    )
    try:
        return str(manager.get_secret_value(SecretId=arn)["SecretString"])
    except (ClientError, KeyError):
        message = f"The secret {arn} has no value."
        raise DataError(message) from None


def _value(endpoint: str, name: str, reference: str) -> str:
    """Return what a reference as ECS writes them refers to: `arn`, or `arn:KEY` and what may follow."""
    parts = reference.split(":")
    arn, key = ":".join(parts[:_ARN_PARTS]), (parts[_ARN_PARTS:] or [""])[0]
    try:
        text = secret_value(endpoint, arn)
        return str(json.loads(text)[key]) if key else text
    except (DataError, KeyError, ValueError):
        message = f"{name} cannot be had: the secret {arn} has no value" + (f" for {key}." if key else ".")
        raise DataError(message) from None


def runnable(words: Iterable[str]) -> tuple[str, ...]:
    """Return a command of an image as one that runs here: an image's Python is this one."""
    words = tuple(words)
    return (sys.executable, *words[1:]) if words and re.fullmatch(r"python[\d.]*", words[0]) else words


def _listed(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - one block or several, as the type has it
    return value if isinstance(value, list) else [value] if value else []
