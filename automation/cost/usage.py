"""What a stack is used for in a month: three profiles, or a file of one's own laid over one of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, Field, ValidationError

from automation.errors import UserError
from stacks.block import Settings
from stacks.errors import nearest
from stacks.forms import fields, of_field
from stacks.layers import merge
from stacks.prices import HOURS

PROFILES: Final = ("small", "medium", "large")

_FOLDER: Final = Path(__file__).parent / "profiles"
_LONGEST_MONTH: Final = 744

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)]


class PaidCall(Settings):
    """What a service buys elsewhere for a share of its requests, such as an answer of a language model."""

    name: str
    """What is bought."""
    share: Share
    """Share of the requests that need it."""
    usd: Amount
    """Price of one."""


class ServiceUsage(Settings):
    """What one service is used for."""

    requests: Amount
    """Requests a month."""
    duration_ms: Amount
    """Time of one request in a function, billed by the millisecond."""
    response_kb: Amount
    """Size of one response."""
    log_kb: Amount
    """What one request logs."""
    busy_share: Share
    """Share of the hours in which as many tasks run as the bounds allow; in the others as few."""
    cold_start_share: Share
    """Share of the requests that start a new instance of a function."""
    metrics: Amount
    """Metrics that a function writes of its requests: one for each route and kind of status, one for its durations."""
    messages: Amount
    """Messages a month for each trigger of the service's worker; a schedule says itself how many it sends."""
    message_ms: Amount
    """Time of one message in a worker's function."""
    paid_calls: tuple[PaidCall, ...] = ()
    """What is bought elsewhere, for each request."""


class NetworkUsage(Settings):
    nat_gb: Amount
    """Data through all NAT gateways together."""
    endpoint_gb: Amount
    """Data through all interface endpoints together."""
    flow_log_gb: Amount
    """Flow logs written."""


class LogUsage(Settings):
    access_kb: Amount
    """What the front door logs of one request."""
    exec_gb: Amount
    """What ECS Exec sessions log."""
    other_gb: Amount
    """What every other log group takes in."""


class InsightsUsage(Settings):
    cluster_metrics: Amount
    """Metrics that Container Insights makes of a cluster."""
    service_metrics: Amount
    """Metrics that Container Insights makes of a service and its task definition."""
    log_gb: Amount
    """What Container Insights logs of a cluster."""
    enhanced_metrics: Amount | None = None
    """Metrics of the whole cluster with `enhanced`; unset is unknown, since every task and container adds some."""


class BucketUsage(Settings):
    gb: Amount
    writes: Amount
    reads: Amount


class FileSystemUsage(Settings):
    gb: Amount
    read_gb: Amount
    """Data read in a month, billed where throughput is elastic."""
    write_gb: Amount
    """Data written in a month."""
    backup_gb: Amount
    """What its backups hold, the first one whole and then what changes."""


class TableUsage(Settings):
    gb: Amount
    writes: Amount
    reads: Amount


class CacheUsage(Settings):
    gb: Amount
    units: Amount
    """ElastiCache processing units: about one for each kilobyte read or written."""


class KubernetesUsage(Settings):
    auto_nodes: Amount
    """Fewest nodes that Auto Mode keeps, whatever pods ask for; a cluster with node groups says itself how many."""
    instance_type: str
    """What Auto Mode starts."""
    disk_gb: Amount
    """Disk of one node."""


class CompareUsage(Settings):
    task_requests_per_second: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
    """What one task or pod takes before another one is needed; measure it with a load test."""
    peak_factor: Annotated[Decimal, Field(ge=1, allow_inf_nan=False)]
    """How much busier the busiest hour is than the average one; tasks are counted for the busiest."""


class Usage(Settings):
    """One month of a stack."""

    hours: Annotated[Decimal, Field(gt=0, le=_LONGEST_MONTH, allow_inf_nan=False)] = Decimal(HOURS)
    """Hours of the month."""
    free_tier: bool = False
    """Count what AWS gives every account for good. It is given once, to all stacks of an account together."""
    spot_discount_percent: Annotated[Decimal, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    """How much less than on demand Fargate Spot costs; the price moves, so that unset counts up to all of it."""
    service: ServiceUsage
    """Every service that has no block of its own."""
    services: dict[str, ServiceUsage] = Field(default_factory=dict)
    """Services by name; what one does not say is as in `service`."""
    network: NetworkUsage
    logs: LogUsage
    insights: InsightsUsage
    traced_share: Share
    """Share of the requests that X-Ray records."""
    bucket: BucketUsage
    """Every S3 bucket."""
    registry_gb: Amount
    """Images in every ECR repository."""
    file_system: FileSystemUsage
    """Every EFS file system."""
    table: TableUsage
    """Every DynamoDB table."""
    database_backup_gb: Amount
    """Backups of every RDS database beyond its own size, which is free."""
    cache: CacheUsage
    """Every serverless cache."""
    topic_messages: Amount
    """Messages published to every SNS topic, each delivered to every subscriber."""
    releases: Amount
    """Releases of the app, each of which migrates databases for a minute."""
    key_requests: Amount
    """Requests to every KMS key."""
    secret_calls: Amount
    """Calls for every secret."""
    kubernetes: KubernetesUsage
    compare: CompareUsage
    """How modes are compared."""

    def of(self, service: str) -> ServiceUsage:
        """Return what a service is used for."""
        return self.services.get(service, self.service)


@cache
def profile(name: str) -> Usage:
    """Return one of the three profiles."""
    return Usage.model_validate(_read(_FOLDER / f"{name}.yaml"))


def load_usage(name: str | None, folder: Path | None = None) -> Usage:
    """Return a profile by its name, or a file of one's own laid over the profile that it names in `basedOn`.

    A file is looked for from the current folder, then from `folder`.

    Raises:
        UserError: There is no such profile or file, or the file says what nobody understands.

    """
    if name is None or name in PROFILES:
        return profile(name or PROFILES[0])
    path = next((each for each in (Path(name), (folder or Path()) / name) if each.is_file()), None)
    if path is None:
        near = nearest(name, PROFILES)
        meant = f"Did you mean {near}? " if near else ""
        raise UserError(f"There is no usage file {name}.", hint=f"{meant}Profiles are {', '.join(PROFILES)}.")
    own = _read(path)
    base = own.pop("basedOn", PROFILES[0])
    if base not in PROFILES:
        raise UserError(f"{name}: basedOn: {base!r} is no profile.", hint=f"Profiles are {', '.join(PROFILES)}.")
    merged = merge(_read(_FOLDER / f"{base}.yaml"), own)
    listed, common = merged.get("services"), merged.get("service")
    if isinstance(listed, dict) and isinstance(common, dict):
        merged["services"] = {
            service: merge(common, said) if isinstance(said, dict) else said or common
            for service, said in listed.items()
        }
    try:
        return Usage.model_validate(merged, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = "\n".join(dict.fromkeys(_sentence(detail) for detail in error.errors(include_url=False)))
        raise UserError(f"{name} cannot be used:\n{problems}", hint="docs/cost.md explains a usage file.") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise UserError(f"{path}{line} is not YAML.") from None
    if not isinstance(document, dict):
        raise UserError(f"{path} is not a block of keys.", hint="docs/cost.md shows one.")
    return document


def _sentence(detail: Mapping[str, Any]) -> str:
    path = tuple(detail["loc"])
    key = ".".join(str(part) for part in path)
    if detail["type"] == "extra_forbidden":
        known = list(fields(_block(path[:-1])))
        near = nearest(path[-1], known)
        meant = f"did you mean {near}?" if near else f"known here: {', '.join(known)}"
        return f"- {key}: there is no such key; {meant}"
    if detail["type"] == "missing":
        return f"- {key}: is missing"
    return f"- {key}: {detail['msg'][:1].lower()}{detail['msg'][1:]}, and is {_shown(detail['input'])}"


def _block(path: tuple[str | int, ...]) -> type[BaseModel]:
    model: type[Settings] = Usage
    for part in path:
        field = fields(model).get(str(part))
        form = of_field(field) if field else None
        inner = form.model or (form.items.model if form and form.items else None) if form else None
        model = inner or model
    return model


def _shown(value: object) -> str:
    return value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
