"""Who may call a REST API with a key, and how much: usage plans.

Source: "Usage plans and API keys for REST APIs": the limits of a plan are those of each key in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.workloads.fronts.limits import Bucket, Quota
from sandbox.workloads.fronts.rest_refusals import RestRefusedError

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.snapshot import Snapshot


@dataclass
class _Key:
    id: str
    bucket: Bucket | None
    quota: Quota | None


class Keys:
    """The keys of one stage; what they have used up stays so while their limits stay."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}

    def follow(self, snapshot: Snapshot, api_id: str, stage: str) -> None:
        """Be as the account says."""
        plans = {
            plan.id: plan.outputs
            for plan in snapshot.of("aws:apigateway/usagePlan:UsagePlan")
            if any(each["apiId"] == api_id and each["stage"] == stage for each in _list(plan.outputs, "apiStages"))
        }
        enabled = {
            key.id: str(key.outputs["value"])
            for key in snapshot.of("aws:apigateway/apiKey:ApiKey")
            if key.outputs.get("enabled", True)
        }
        former, self._keys = self._keys, {}
        for each in snapshot.of("aws:apigateway/usagePlanKey:UsagePlanKey"):
            plan, value = plans.get(str(each.outputs["usagePlanId"])), enabled.get(str(each.outputs["keyId"]))
            if plan is not None and value:
                self._keys[value] = _limited(each, plan, former.get(value))

    def admit(self, value: str) -> str:
        """Let a request with a key pass, and return the key's id.

        Raises:
            RestRefusedError: There is no such key, or it has used up what it may.

        """
        key = self._keys.get(value)
        if key is None:
            raise RestRefusedError("INVALID_API_KEY")
        if key.bucket is not None and not key.bucket.take():
            raise RestRefusedError("THROTTLED")
        if key.quota is not None and not key.quota.take():
            raise RestRefusedError("QUOTA_EXCEEDED")
        return key.id

    def document(self) -> list[dict[str, Any]]:
        """Return the keys by their ids, and what is used of their quotas."""
        return [
            {"id": key.id, **({"used": key.quota.used, "quota": key.quota.limit} if key.quota else {})}
            for key in self._keys.values()
        ]


def _limited(each: Resource, plan: Mapping[str, Any], former: _Key | None) -> _Key:
    throttle, quota = plan.get("throttleSettings"), plan.get("quotaSettings")
    made = _Key(
        str(each.outputs["keyId"]),
        Bucket(float(throttle["rateLimit"]), float(throttle["burstLimit"])) if throttle else None,
        Quota(int(quota["limit"]), str(quota["period"])) if quota else None,
    )
    if former and former.bucket and made.bucket and former.bucket.same(made.bucket):
        made.bucket = former.bucket
    if former and former.quota and made.quota and former.quota.period == made.quota.period:
        former.quota.limit = made.quota.limit
        made.quota = former.quota
    return made


def _list(outputs: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return outputs.get(name) or []
