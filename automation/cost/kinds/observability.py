"""What watches a stack: logs, alarms, metrics, dashboards, canaries."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from automation.cost.bill import KILOBYTES_PER_GB, Bill
from automation.cost.messages import per_month, worker_usage
from automation.cost.money import plain
from automation.cost.usage import ServiceUsage

CLUSTER: Final = "aws:ecs/cluster:Cluster"
_FARGATE: Final = "aws:ecs/service:Service"

_HIGH_RESOLUTION: Final = 60
_DAYS: Final = Decimal("30.4")
_TRACKING: Final = "targetTrackingScalingPolicyConfiguration"


def log_group(bill: Bill) -> None:
    """Price what a log group takes in, and what it holds once the first retention has passed."""
    gigabytes = _logged(bill)
    bill.add("ingested", "logs.ingest", gigabytes)
    days = bill.resource.number("retentionInDays", 0)
    if not days:
        bill.unknown("stored", "it keeps everything for ever, so that it grows each month")
        return
    bill.add("stored", "logs.storage", gigabytes * days / _DAYS)


def _logged(bill: Bill) -> Decimal:
    kind, usage = bill.resources.component_of(bill.resource), bill.usage
    match kind:
        case "LambdaService" | "FargateService" | "LambdaWorker" | "FargateWorker":
            service = bill.service()
            bill.assume(f"a request logs {plain(service.log_kb)} KB")
            return service.requests * service.log_kb / KILOBYTES_PER_GB
        case "EksCluster" if bill.resource.name.endswith("-application"):
            written = [*bill.traffic("EksService"), *_workers_in_pods(bill)]
            return sum((each.requests * each.log_kb for each in written), Decimal(0)) / KILOBYTES_PER_GB
        case "HttpApi" | "RestApi" | "WebAcl":
            requests = sum((each.requests for each in bill.traffic()), Decimal(0))
            return requests * usage.logs.access_kb / KILOBYTES_PER_GB
        case "Network":
            bill.assume(f"flow logs of {plain(usage.network.flow_log_gb)} GB")
            return usage.network.flow_log_gb
        case "Cluster":
            bill.assume(f"ECS Exec sessions log {plain(usage.logs.exec_gb)} GB")
            return usage.logs.exec_gb
        case _:
            bill.assume(f"every other log group takes in {plain(usage.logs.other_gb)} GB")
            return usage.logs.other_gb


def _workers_in_pods(bill: Bill) -> list[ServiceUsage]:
    return [
        worker_usage(service, bill.resources, bill.usage)
        for service in bill.resources.services
        if any(worker.type.endswith("EksWorker") for worker in bill.resources.workers_of(service))
    ]


def alarm(bill: Bill) -> None:
    """Price an alarm by the metrics it looks at."""
    period = bill.resource.number("period", _HIGH_RESOLUTION)
    queries = bill.resource.blocks("metricQueries")
    if period is None or queries is None:
        bill.unknown("alarm", "its metrics are not known before the run")
        return
    metrics = sum(1 for query in queries if query.get("metric") is not None) or 1
    bill.add("alarm", f"alarm.{'standard' if period >= _HIGH_RESOLUTION else 'highresolution'}", metrics)


def scaling_policy(bill: Bill) -> None:
    """Price the alarms that target tracking keeps, one to scale out and one to scale in, each by its metrics."""
    if bill.resource.get("policyType") == "TargetTrackingScaling":
        only_out = bill.resource.get(f"{_TRACKING}.disableScaleIn", default=False)
        queries = bill.resource.blocks(f"{_TRACKING}.customizedMetricSpecification.metrics")
        if queries is None:
            bill.unknown("its alarms", "their metrics are not known before the run")
            return
        metrics = sum(1 for query in queries if query.get("metricStat") is not None) or 1
        bill.add("its alarms", "alarm.standard", metrics if only_out else 2 * metrics)


def metric_filter(bill: Bill) -> None:
    """Price the metric that a filter makes of lines in a log; the filter is free."""
    if bill.resource.get("metricTransformation.dimensions") is not None:
        bill.unknown("metrics", "each value of its dimensions is a metric")
        return
    bill.add("metric", "metric.custom", 1)


def cluster(bill: Bill) -> None:
    """Price what Container Insights measures of a cluster; the cluster is free."""
    settings = bill.resource.blocks("settings")
    chosen = [each.get("value") for each in settings or [] if each.get("name") == "containerInsights"]
    level = "unknown" if settings is None else chosen[0] if chosen else "disabled"
    insights = bill.usage.insights
    services = len(bill.resources.of(_FARGATE))
    if level == "disabled":
        return
    if level not in {"enabled", "enhanced"}:
        bill.unknown("Container Insights", "whether it is on is not known before the run")
        return
    bill.assume(f"Container Insights logs {plain(insights.log_gb)} GB of a cluster")
    bill.add("Container Insights' logs", "logs.ingest", insights.log_gb)
    if level == "enabled":
        bill.assume(
            f"Container Insights makes {plain(insights.cluster_metrics)} metrics of a cluster and "
            f"{plain(insights.service_metrics)} of each service"
        )
        bill.add("Container Insights", "metric.custom", insights.cluster_metrics + services * insights.service_metrics)
    elif insights.enhanced_metrics is not None:
        bill.add("Container Insights", "metric.insights", insights.enhanced_metrics)
    else:
        why = "every task and container adds metrics; say how many in insights.enhancedMetrics"
        bill.unknown("Container Insights", why)


def dashboard(bill: Bill) -> None:
    """Price a dashboard."""
    bill.add("dashboard", "dashboard", 1)


def canary(bill: Bill) -> None:
    """Price the runs of a canary; its function, logs and files come on top."""
    runs = per_month(str(bill.resource.get("schedule.expression")), bill.usage.hours)
    if runs is None:
        bill.unknown("runs", "how often it runs is not a rate, or not known before the run")
        return
    bill.add("runs", "canary.runs", runs)
    bill.unknown("function and files", "each run also uses a function, logs and a bucket")
