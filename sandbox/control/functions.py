"""The functions (invokes) that a program may call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from sandbox.control.errors import Refusal
from sandbox.control.kubernetes_versions import ADDONS, SUPPORTED
from sandbox.control.lifecycle import EXTERNAL_ZONE
from sandbox.control.regions import zones
from sandbox.control.scope import ACCOUNT_ID, CALLER_ARN, Scope
from sandbox.control.wire import Value, Values

_ID_LENGTH = 21
_DNS_SUFFIX = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}


def invoke(token: str, args: Values, scope: Scope) -> Values:
    """Return what a function answers."""
    function = FUNCTIONS.get(token)
    if function is None:
        raise Refusal(not_provided("function", token))
    return function(args, scope)


def not_provided(what: str, token: str) -> str:
    """Return why the sandbox has no such type or function."""
    return (
        f"The sandbox does not provide the {what} {token}; it serves those that Modeshift's program uses. "
        "Deploy to AWS with `--cloud aws`, or add its facts to sandbox/control/facts."
    )


def _zones(args: Values, scope: Scope) -> Values:
    region = str(args.get("region") or scope.region)
    known = zones(region)
    excluded = args.get("excludeNames")
    names = [name for name in known if not (isinstance(excluded, list) and name in excluded)]
    result: Values = {
        **args,
        "groupNames": list[Value]([f"{region}-zg-1"]),
        "id": region,
        "names": list[Value](names),
        "region": region,
        "zoneIds": [known[name] for name in names],
    }
    return result


def _caller(_: Values, __: Scope) -> Values:
    return {"accountId": ACCOUNT_ID, "arn": CALLER_ARN, "id": ACCOUNT_ID, "userId": "AIDASANDBOXSANDBOX000"}


def _region(args: Values, scope: Scope) -> Values:
    region = str(args.get("region") or args.get("name") or scope.region)
    endpoint = f"ec2.{region}.{_DNS_SUFFIX[scope.partition]}"
    return {"description": region, "endpoint": endpoint, "id": region, "name": region, "region": region}


def _partition(_: Values, scope: Scope) -> Values:
    suffix = _DNS_SUFFIX[scope.partition]
    reverse = ".".join(reversed(suffix.split(".")))
    partition = scope.partition
    return {"dnsSuffix": suffix, "id": partition, "partition": partition, "reverseDnsPrefix": reverse}


def _addon_version(args: Values, scope: Scope) -> Values:
    name, kubernetes = str(args.get("addonName")), str(args.get("kubernetesVersion"))
    if name not in ADDONS or kubernetes not in SUPPORTED:
        message = f"reading EKS Add-On version info ({name}, {kubernetes}): couldn't find resource"
        raise Refusal(message)
    region = str(args.get("region") or scope.region)
    return {**args, "id": name, "region": region, "version": ADDONS[name][kubernetes]}


def _secret_version(args: Values, scope: Scope) -> Values:
    """Answer for any secret: whoever names one has it, and its text is not for a sandbox to know."""
    given = str(args.get("secretId"))
    arn = given if given.startswith("arn:") else f"arn:aws:secretsmanager:{scope.region}:{ACCOUNT_ID}:secret:{given}"
    return {
        **args,
        "arn": arn,
        "createdDate": "2026-01-01T00:00:00Z",
        "id": f"{given}|AWSCURRENT",
        "region": scope.region,
        "secretBinary": "",
        "secretString": "https://sandbox.invalid/secret",
        "versionId": "00000000-0000-0000-0000-000000000000",
        "versionStages": list[Value](["AWSCURRENT"]),
    }


def _zone(args: Values, _: Scope) -> Values:
    """Answer for any zone: whoever owns a domain has a zone for it, the same one at every call."""
    given = args.get("zoneId")
    name = str(args.get("name") or "zone.example").rstrip(".")
    digest = hashlib.sha256(name.encode()).hexdigest().upper()
    zone_id = str(given) if given else (EXTERNAL_ZONE + digest)[:_ID_LENGTH]
    result: Values = {
        **args,
        "arn": f"arn:aws:route53:::hostedzone/{zone_id}",
        "callerReference": "sandbox",
        "comment": "",
        "id": zone_id,
        "linkedServiceDescription": "",
        "linkedServicePrincipal": "",
        "name": name,
        "nameServers": [f"ns-{at}.awsdns-{at:02}.{top}" for at, top in enumerate(("com", "net", "org", "co.uk"), 1)],
        "primaryNameServer": "ns-1.awsdns-01.com",
        "privateZone": args.get("privateZone") or False,
        "resourceRecordSetCount": 2,
        "tags": args.get("tags") or {},
        "zoneId": zone_id,
    }
    return result


FUNCTIONS: Mapping[str, Callable[[Values, Scope], Values]] = {
    "aws:eks/getAddonVersion:getAddonVersion": _addon_version,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:route53/getZone:getZone": _zone,
    "aws:secretsmanager/getSecretVersion:getSecretVersion": _secret_version,
}
