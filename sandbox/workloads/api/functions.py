"""Lambda's calls about functions, their aliases and their concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.workloads.api.protocol import AwsError, Call
from sandbox.workloads.api.view import View, add, forget, present, regional, required, told, touch
from sandbox.workloads.functions.room import ACCOUNT_LIMIT

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_FUNCTION = "aws:lambda/function:Function"
_ALIAS = "aws:lambda/alias:Alias"
_PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
_UNRESERVED = -1
_LEAST_UNRESERVED = 100
"""What AWS keeps of the account's calls at once for functions that have none reserved."""
_INVALID = "InvalidParameterValueException"
_NO_FUNCTION = "ResourceNotFoundException"
_NO_CONFIG = "ProvisionedConcurrencyConfigNotFoundException"


async def get_function_configuration(view: View, call: Call) -> dict[str, Any]:
    """Answer GetFunctionConfiguration: what was deployed, which is all that AWS tells here too."""
    function = _function(view, call)
    outputs, version = function.outputs, "$LATEST"
    if qualifier := call.parameters.get("Qualifier"):
        alias = _alias(view, call.region, str(outputs["name"]), qualifier)
        version = str(alias.outputs["functionVersion"]) if alias else qualifier
    return present(
        FunctionName=outputs["name"],
        FunctionArn=outputs["arn"],
        Version=version,
        Runtime=outputs.get("runtime"),
        Handler=outputs.get("handler"),
        MemorySize=outputs.get("memorySize"),
        Timeout=outputs.get("timeout"),
        CodeSha256=outputs.get("codeSha256"),
        LastModified=outputs.get("lastModified"),
        PackageType=outputs.get("packageType"),
        State="Active",
        LastUpdateStatus="Successful",
    )


async def get_alias(view: View, call: Call) -> dict[str, Any]:
    """Answer GetAlias."""
    function = _function(view, call)
    named = call.parameters["Name"]
    alias = required(
        _alias(view, call.region, str(function.outputs["name"]), named),
        _NO_FUNCTION,
        f"Cannot find alias arn: {function.outputs['arn']}:{named}",
    )
    routing: Any = alias.outputs.get("routingConfig")
    return present(
        AliasArn=alias.outputs["arn"],
        Name=named,
        FunctionVersion=alias.outputs["functionVersion"],
        RoutingConfig={"AdditionalVersionWeights": routing["additionalVersionWeights"]} if routing else None,
    )


async def get_concurrency(view: View, call: Call) -> dict[str, Any]:
    """Answer GetFunctionConcurrency; nothing where the function shares the account's."""
    reserved: Any = _function(view, call).outputs.get("reservedConcurrentExecutions", _UNRESERVED)
    return {} if reserved in {None, _UNRESERVED} else {"ReservedConcurrentExecutions": reserved}


async def put_concurrency(view: View, call: Call) -> dict[str, Any]:
    """Answer PutFunctionConcurrency; something must be left of the account's."""
    function, reserved = _function(view, call), int(call.parameters["ReservedConcurrentExecutions"])
    others = [one for one in regional(view, _FUNCTION, call.region) if one.urn != function.urn]
    if sum(map(_reserved, others)) + reserved > ACCOUNT_LIMIT - _LEAST_UNRESERVED:
        raise AwsError(
            _INVALID,
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{_LEAST_UNRESERVED}].",
        )
    await touch(view, function, {"reservedConcurrentExecutions": reserved})
    return {"ReservedConcurrentExecutions": reserved}


async def delete_concurrency(view: View, call: Call) -> dict[str, Any]:
    """Answer DeleteFunctionConcurrency."""
    await touch(view, _function(view, call), {"reservedConcurrentExecutions": _UNRESERVED})
    return {}


async def get_provisioned(view: View, call: Call) -> dict[str, Any]:
    """Answer GetProvisionedConcurrencyConfig: what is wanted by the account, and what is there by the workers."""
    config = required(_provisioned(view, call), _NO_CONFIG, "No Provisioned Concurrency Config found for this function")
    function = _function(view, call)
    wanted: Any = config.outputs["provisionedConcurrentExecutions"]
    said = [one for one in told(view, "functions", "functions") if one.get("arn") == function.outputs["arn"]]
    provisioned = [one for each in said for one in each.get("provisioned", ())]
    of_alias = next((one for one in provisioned if one.get("qualifier") == call.parameters["Qualifier"]), {})
    return {
        "RequestedProvisionedConcurrentExecutions": wanted,
        "AllocatedProvisionedConcurrentExecutions": of_alias.get("allocated", 0),
        "AvailableProvisionedConcurrentExecutions": of_alias.get("available", 0),
        "Status": of_alias.get("status", "IN_PROGRESS"),
    }


async def put_provisioned(view: View, call: Call) -> dict[str, Any]:
    """Answer PutProvisionedConcurrencyConfig for an alias or a version, be it one that the stack keeps none for."""
    wanted, qualifier = call.parameters["ProvisionedConcurrentExecutions"], call.parameters["Qualifier"]
    config, function = _provisioned(view, call), _function(view, call)
    if config is not None:
        await touch(view, config, {"provisionedConcurrentExecutions": wanted})
    else:
        _require_published(view, call, function)
        # The type is the last of those in the URN, which name the parents first.
        urn = _PROVISIONED.join(function.urn.rsplit(_FUNCTION, 1)) + f"-{qualifier}"
        given = {"functionName": function.outputs["name"], "qualifier": qualifier}
        await add(view, urn, call.region, {**given, "provisionedConcurrentExecutions": wanted})
    return {
        "RequestedProvisionedConcurrentExecutions": wanted,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
    }


async def delete_provisioned(view: View, call: Call) -> dict[str, Any]:
    """Answer DeleteProvisionedConcurrencyConfig, as well where there is none: AWS's model calls it idempotent."""
    config = _provisioned(view, call)
    if config is not None:
        await forget(view, config)
    return {}


def _function(view: View, call: Call) -> Resource:
    """Return the function that a call names by its name, or by an ARN with or without a qualifier."""
    named = str(call.parameters["FunctionName"])
    name = named.split(":")[6] if named.startswith("arn:") else named.split(":", maxsplit=1)[0]
    functions = regional(view, _FUNCTION, call.region)
    found = next((one for one in functions if one.outputs.get("name") == name), None)
    return required(found, _NO_FUNCTION, f"Function not found: {named}")


def _alias(view: View, region: str, function: str, name: str) -> Resource | None:
    aliases = regional(view, _ALIAS, region)
    return next((one for one in aliases if (_owner(one), one.outputs.get("name")) == (function, name)), None)


def _require_published(view: View, call: Call, function: Resource) -> None:
    """Refuse a qualifier that is neither an alias nor a version of the function."""
    qualifier, name = str(call.parameters["Qualifier"]), str(function.outputs["name"])
    if qualifier == "$LATEST":
        raise AwsError(_INVALID, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    newest = str(function.outputs.get("version", ""))
    version = qualifier.isdecimal() and newest.isdecimal() and 0 < int(qualifier) <= int(newest)
    if not version and _alias(view, call.region, name, qualifier) is None:
        raise AwsError(_NO_FUNCTION, f"Function not found: {function.outputs['arn']}:{qualifier}")


def _reserved(function: Resource) -> int:
    said: Any = function.outputs.get("reservedConcurrentExecutions")
    return max(0, int(said or 0))


def _provisioned(view: View, call: Call) -> Resource | None:
    name, qualifier = str(_function(view, call).outputs["name"]), call.parameters["Qualifier"]
    configs = regional(view, _PROVISIONED, call.region)
    return next((one for one in configs if (_owner(one), one.outputs.get("qualifier")) == (name, qualifier)), None)


def _owner(resource: Resource) -> str:
    """Return the name of the function that something belongs to, which is given by name or by ARN."""
    return str(resource.outputs.get("functionName")).rsplit(":", 1)[-1]


ANSWERS = {
    ("lambda", "DeleteFunctionConcurrency"): delete_concurrency,
    ("lambda", "DeleteProvisionedConcurrencyConfig"): delete_provisioned,
    ("lambda", "GetAlias"): get_alias,
    ("lambda", "GetFunctionConcurrency"): get_concurrency,
    ("lambda", "GetFunctionConfiguration"): get_function_configuration,
    ("lambda", "GetProvisionedConcurrencyConfig"): get_provisioned,
    ("lambda", "PutFunctionConcurrency"): put_concurrency,
    ("lambda", "PutProvisionedConcurrencyConfig"): put_provisioned,
}
