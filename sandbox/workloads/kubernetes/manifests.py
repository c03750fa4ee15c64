"""What Helm rendered, read into what runs. What is not simulated is refused where pods would be others without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

import yaml

from sandbox.workloads.kubernetes.hpa import Policy, Rules
from sandbox.workloads.kubernetes.names import hashed
from sandbox.workloads.kubernetes.objects import Autoscaler, Binding, Budget, Deployment, Manifest, Probe, Template
from sandbox.workloads.kubernetes.quantities import amount

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HOOK = "helm.sh/hook"
_RAISED: Final = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
_LOWERED: Final = Rules(300, (Policy("Percent", 100, 15),))
# What changes nothing for a process on this machine.
_WITHOUT_EFFECT = frozenset({"LimitRange", "ServiceAccount"})

Document = Mapping[str, Any]


class ManifestError(Exception):
    """A manifest asks for what is not simulated; the message says what, where and what to do."""


def read(text: str) -> Manifest:
    """Return what Helm rendered, without what only its hooks make.

    Raises:
        ManifestError: It asks for something of pods that is not simulated.

    """
    kinds: dict[str, list[Document]] = {}
    for one in yaml.load_all(text, _LOADER):
        if one and _HOOK not in (one["metadata"].get("annotations") or {}):
            kinds.setdefault(str(one["kind"]), []).append(one)
    services = {str(one["metadata"]["name"]): one["spec"] for one in kinds.pop("Service", [])}
    return Manifest(
        deployments=tuple(_deployment(one) for one in kinds.pop("Deployment", [])),
        autoscalers=tuple(_autoscaler(one) for one in kinds.pop("HorizontalPodAutoscaler", [])),
        budgets=tuple(_budget(one) for one in kinds.pop("PodDisruptionBudget", [])),
        bindings=tuple(_binding(one, services) for one in kinds.pop("TargetGroupBinding", [])),
        quotas=tuple(
            (one["metadata"]["name"], {name: amount(value) for name, value in one["spec"]["hard"].items()})
            for one in kinds.pop("ResourceQuota", [])
        ),
        not_simulated=tuple(sorted(kinds.keys() - _WITHOUT_EFFECT)),
    )


def _deployment(one: Document) -> Deployment:
    spec, name = one["spec"], str(one["metadata"]["name"])
    strategy = spec.get("strategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        message = f"Deployment {name}: strategy {strategy['type']} is not simulated; use RollingUpdate."
        raise ManifestError(message)
    rolling = strategy.get("rollingUpdate") or {}
    template = _template(name, str(one["metadata"].get("namespace") or "default"), spec["template"])
    return Deployment(
        name=name,
        component=template.labels.get("app.kubernetes.io/component", ""),
        replicas=spec.get("replicas"),
        surge=rolling.get("maxSurge", "25%"),
        unavailable=rolling.get("maxUnavailable", "25%"),
        min_ready=float(spec.get("minReadySeconds", 0)),
        deadline=float(spec.get("progressDeadlineSeconds", 600)),
        history=int(spec.get("revisionHistoryLimit", 10)),
        template=template,
    )


def _template(name: str, namespace: str, given: Document) -> Template:
    spec = given["spec"]
    if len(spec["containers"]) != 1 or spec.get("initContainers"):
        message = (
            f"Deployment {name}: pods of several containers are not simulated; give it one, without init containers."
        )
        raise ManifestError(message)
    if foreign := [one["name"] for one in spec.get("volumes") or [] if "emptyDir" not in one]:
        message = f"Deployment {name}: the volumes {', '.join(foreign)} are not simulated; only emptyDir is."
        raise ManifestError(message)
    (container,) = spec["containers"]
    ports = container.get("ports") or []
    if len(ports) > 1:
        message = f"Deployment {name}: only one port of a container is simulated."
        raise ManifestError(message)
    resources = container.get("resources") or {}
    requests, limits = (resources.get(kind) or {} for kind in ("requests", "limits"))
    requests = {**limits, **requests}
    return Template(
        hash=hashed(json.dumps(given, sort_keys=True)),
        namespace=namespace,
        labels={str(key): str(value) for key, value in (given["metadata"].get("labels") or {}).items()},
        container=str(container["name"]),
        image=str(container["image"]),
        command=_literals(container.get("command")),
        args=_literals(container.get("args")),
        environment=_environment(name, container),
        port=int(ports[0]["containerPort"]) if ports else 0,
        grace=float(spec.get("terminationGracePeriodSeconds", 30)),
        pre_stop=_pre_stop(name, container),
        cpu=amount(requests.get("cpu", 0)),
        memory=amount(requests.get("memory", 0)),
        cpu_limit=amount(limits.get("cpu", 0)),
        memory_limit=amount(limits.get("memory", 0)),
        startup=_probe(name, container, "startupProbe"),
        liveness=_probe(name, container, "livenessProbe"),
        readiness=_probe(name, container, "readinessProbe"),
    )


def _literals(words: Any) -> tuple[str, ...]:  # noqa: ANN401 - a list of words, or nothing
    return tuple(_literal(str(word)) for word in words or ())


def _literal(text: str) -> str:
    """Return what the kubelet makes of a text in which every dollar sign stands twice."""
    return text.replace("$$", "$")


def _environment(name: str, container: Document) -> dict[str, str]:
    if container.get("envFrom") or any("valueFrom" in one for one in container.get("env") or []):
        message = (
            f"Deployment {name}: variables from Secrets and ConfigMaps are not simulated. Give the pods references "
            "that the app reads, as MODESHIFT_SECRETS does."
        )
        raise ManifestError(message)
    return {str(one["name"]): _literal(str(one.get("value", ""))) for one in container.get("env") or []}


def _pre_stop(name: str, container: Document) -> float:
    hook = (container.get("lifecycle") or {}).get("preStop")
    if not hook:
        return 0.0
    if "sleep" not in hook:
        message = f"Deployment {name}: a preStop hook of {', '.join(hook)} is not simulated; only sleep is."
        raise ManifestError(message)
    return float(hook["sleep"]["seconds"])


def _probe(name: str, container: Document, kind: str) -> Probe | None:
    given = container.get(kind)
    if not given:
        return None
    action: dict[str, Any]
    if "httpGet" in given:
        where = given["httpGet"]
        if not any(where["port"] in {port.get("name"), port["containerPort"]} for port in container.get("ports") or []):
            message = f"Deployment {name}: the {kind} asks port {where['port']}, which is none of the container's."
            raise ManifestError(message)
        action = {"path": str(where.get("path", "/"))}
    elif "exec" in given:
        # Commands of probes are taken as they are: the kubelet replaces nothing in them.
        action = {"command": tuple(str(word) for word in given["exec"]["command"])}
    else:
        message = f"Deployment {name}: a {kind} is simulated as httpGet or exec, and not otherwise."
        raise ManifestError(message)
    return Probe(
        **action,
        delay=float(given.get("initialDelaySeconds", 0)),
        period=float(given.get("periodSeconds", 10)),
        timeout=float(given.get("timeoutSeconds", 1)),
        failures=int(given.get("failureThreshold", 3)),
        successes=int(given.get("successThreshold", 1)),
    )


def _autoscaler(one: Document) -> Autoscaler:
    spec, name = one["spec"], str(one["metadata"]["name"])
    metrics: dict[Literal["cpu", "memory"], int] = {}
    for metric in spec["metrics"]:
        resource = metric.get("resource") or {}
        if metric["type"] != "Resource" or "averageUtilization" not in resource.get("target", {}):
            message = (
                f"HorizontalPodAutoscaler {name}: only the average use of cpu and memory is simulated as a metric."
            )
            raise ManifestError(message)
        metrics["cpu" if resource["name"] == "cpu" else "memory"] = int(resource["target"]["averageUtilization"])
    behavior = spec.get("behavior") or {}
    return Autoscaler(
        name=name,
        target=str(spec["scaleTargetRef"]["name"]),
        least=int(spec.get("minReplicas", 1)),
        most=int(spec["maxReplicas"]),
        metrics=metrics,
        up=_rules(behavior.get("scaleUp"), _RAISED),
        down=_rules(behavior.get("scaleDown"), _LOWERED),
    )


def _rules(given: Document | None, default: Rules) -> Rules:
    if not given:
        return default
    policies = [
        Policy(one["type"], int(one["value"]), float(one["periodSeconds"])) for one in given.get("policies") or []
    ]
    window = float(given.get("stabilizationWindowSeconds", default.window))
    return Rules(window, tuple(policies) or default.policies, given.get("selectPolicy", "Max"))


def _budget(one: Document) -> Budget:
    spec = one["spec"]
    return Budget(
        name=str(one["metadata"]["name"]),
        selector=spec["selector"]["matchLabels"],
        unavailable=spec.get("maxUnavailable"),
        available=spec.get("minAvailable"),
        always_unhealthy=spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow",
    )


def _binding(one: Document, services: Mapping[str, Document]) -> Binding:
    spec, name = one["spec"], str(one["metadata"]["name"])
    wanted = spec["serviceRef"]
    service = services.get(str(wanted["name"]))
    if service is None:
        message = f"TargetGroupBinding {name}: there is no Service {wanted['name']} in its release."
        raise ManifestError(message)
    return Binding(name, str(spec["targetGroupARN"]), service["selector"])
