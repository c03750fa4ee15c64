"""What the chart makes of its values, object by object."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from tests.charts.chart import CHART, EVERYTHING, IMAGE, containers, helm, kinds, objects, only, pods, refusal, text

LONGEST = "a" * 53
"""Helm takes no longer name for a release."""


def app(values: dict[str, object] | None = None) -> dict[str, object]:
    return only(objects(values), "Deployment")["spec"]["template"]["spec"]["containers"][0]


def test_with_an_image_alone_it_is_a_service_that_survives_a_node() -> None:
    made = objects()
    assert sorted((one["kind"], one["metadata"]["name"]) for one in made) == [
        ("Deployment", "probe"),
        ("LimitRange", "probe"),
        ("NetworkPolicy", "probe"),
        ("Pod", "probe-test"),
        ("PodDisruptionBudget", "probe"),
        ("ResourceQuota", "probe"),
        ("Service", "probe"),
        ("ServiceAccount", "probe"),
    ]
    spec = only(made, "Deployment")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": 0}
    assert spec["revisionHistoryLimit"] == 10
    assert {one["whenUnsatisfiable"] for one in spec["template"]["spec"]["topologySpreadConstraints"]} == {
        "ScheduleAnyway"
    }
    assert only(made, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_every_container_runs_the_image_by_its_digest() -> None:
    images = {container["image"] for container in containers(objects(EVERYTHING))}
    assert images == {f"{EVERYTHING['image']['repository']}@{EVERYTHING['image']['digest']}"}


def test_every_object_says_whose_it_is_and_where() -> None:
    for one in objects(EVERYTHING):
        labels = one["metadata"]["labels"]
        assert one["metadata"]["namespace"] == "shop"
        assert labels["app.kubernetes.io/instance"] == "probe"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/version"] == "b" * 12
        assert labels["helm.sh/chart"] == "service-0.1.0"


def test_selectors_find_the_pods_they_are_for_and_no_value_changes_them() -> None:
    made, other = objects(EVERYTHING), objects({"worker": {"command": ["work"], "replicaCount": 2}})
    labels = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["labels"] for pod in pods(made)}
    for kind, name, component in (
        ("Deployment", "probe", "server"),
        ("Deployment", "probe-worker", "worker"),
        ("PodDisruptionBudget", "probe", "server"),
        ("PodDisruptionBudget", "probe-worker", "worker"),
    ):
        selector = only(made, kind, name)["spec"]["selector"]["matchLabels"]
        assert selector == only(other, kind, name)["spec"]["selector"]["matchLabels"]
        assert [found for found, has in labels.items() if selector.items() <= has.items()] == [component]
    assert only(made, "Service")["spec"]["selector"] == only(made, "Deployment")["spec"]["selector"]["matchLabels"]


def test_the_same_values_render_the_same_text() -> None:
    assert text(EVERYTHING) == text(EVERYTHING)


def test_another_image_changes_the_pods_and_nothing_a_selector_reads() -> None:
    before, after = objects(), objects({"image": IMAGE | {"digest": f"sha256:{'c' * 64}"}})
    assert only(before, "Deployment")["spec"]["template"] != only(after, "Deployment")["spec"]["template"]
    assert only(before, "Deployment")["spec"]["selector"] == only(after, "Deployment")["spec"]["selector"]
    assert only(before, "Service")["spec"] == only(after, "Service")["spec"]


@pytest.mark.parametrize("override", [{}, {"fullnameOverride": "b" * 53}])
def test_names_fit_where_dns_takes_them_and_stay_apart(override: dict[str, str]) -> None:
    flow = {"f" * 30: {"cidrs": ["10.0.0.0/8"]}, "g" * 30: {"cidrs": ["10.0.0.0/8"]}}
    values = EVERYTHING | override | {"networkPolicy": {"ingress": flow, "egress": flow}}
    names = [(one["kind"], one["metadata"]["name"]) for one in objects(values, release=LONGEST)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name) for _, name in names)
    other = {
        (one["kind"], one["metadata"]["name"]) for one in objects(EVERYTHING | override, release=LONGEST[:-1] + "c")
    }
    assert override or not other & set(names)


@pytest.mark.parametrize("release", ["7up", "a.b"])
def test_a_release_that_a_service_cannot_be_called_after_is_told_what_to_do(release: str) -> None:
    assert f"The release is called {release}, and a Service's name is a letter" in refusal({}, release=release)
    assert objects({"fullnameOverride": "seven"}, release=release)


def test_the_app_is_told_what_the_probes_ask() -> None:
    container = app({"port": 9000, "healthPath": "/alive", "readinessPath": "/wanted", "drainSeconds": 7})
    assert {one["name"]: one["value"] for one in container["env"]} == {
        "PORT": "9000",
        "HEALTH_PATH": "/alive",
        "DRAIN_SECONDS": "7",
    }
    assert container["ports"] == [{"name": "http", "containerPort": 9000, "protocol": "TCP"}]
    paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert [path["path"] for path in paths.values()] == ["/alive", "/alive", "/wanted"]
    assert {path["port"] for path in paths.values()} == {"http"}


@pytest.mark.parametrize(("seconds", "tries"), [(1, 1), (60, 30), (61, 31)])
def test_the_app_has_its_time_to_start(seconds: int, tries: int) -> None:
    probe = app({"startupSeconds": seconds})["startupProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (2, tries)


@pytest.mark.parametrize(("stop", "drain", "request_"), [(10, 5, 28), (0, 0, 20), (120, 60, 300)])
def test_a_pod_is_killed_only_after_its_last_request_had_its_time(stop: int, drain: int, request_: int) -> None:
    values = {"preStopSeconds": stop, "drainSeconds": drain, "timeoutSeconds": request_}
    pod = only(objects(values), "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == stop + drain + request_ + 2
    lifecycle = pod["containers"][0].get("lifecycle")
    assert lifecycle == ({"preStop": {"sleep": {"seconds": stop}}} if stop else None)


def test_pods_ask_for_their_resources_and_a_bounded_folder() -> None:
    for pod in pods(objects(EVERYTHING | {"tmpSizeLimit": "32Mi"})):
        (container,) = pod["spec"]["containers"]
        assert set(container["resources"]["requests"]) == set(container["resources"]["limits"])
        assert pod["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "32Mi"}}]
        assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_pods_run_where_the_image_does() -> None:
    assert {pod["spec"]["nodeSelector"]["kubernetes.io/arch"] for pod in pods(objects({"architecture": "arm64"}))} == {
        "arm64"
    }
    assert all("nodeSelector" not in pod["spec"] for pod in pods(objects({"architecture": ""})))


@pytest.mark.parametrize(
    ("values", "there"),
    [
        ({"replicaCount": 1}, False),
        ({"replicaCount": 2}, True),
        ({"replicaCount": 5, "autoscaling": {"enabled": True, "minReplicas": 1}}, False),
        ({"replicaCount": 1, "autoscaling": {"enabled": True, "minReplicas": 2}}, True),
    ],
)
def test_a_single_pod_never_keeps_a_node_from_being_emptied(values: dict[str, object], there: bool) -> None:
    assert ("PodDisruptionBudget" in kinds(objects(values))) is there


def test_autoscaling_owns_the_count() -> None:
    scaling = {
        "enabled": True,
        "minReplicas": 2,
        "maxReplicas": 9,
        "targetCPUUtilizationPercentage": 65,
        "targetMemoryUtilizationPercentage": 0,
        "scaleUpCooldownSeconds": 30,
        "scaleDownCooldownSeconds": 600,
    }
    made = objects({"autoscaling": scaling})
    assert "replicas" not in only(made, "Deployment")["spec"]
    spec = only(made, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 9)
    (metric,) = spec["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 65}}
    windows = {way: spec["behavior"][way]["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown")}
    assert windows == {"scaleUp": 30, "scaleDown": 600}


def test_bounds_the_wrong_way_round_are_refused() -> None:
    said = refusal({"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}})
    assert "autoscaling.maxReplicas is 4, below autoscaling.minReplicas, which is 5. Raise the one" in said


def test_worker_bounds_the_wrong_way_round_are_refused() -> None:
    scaling = {"enabled": True, "minReplicas": 5, "maxReplicas": 4}
    assert "worker.autoscaling.maxReplicas is 4" in refusal({"worker": {"command": ["work"], "autoscaling": scaling}})


def test_a_worker_alone_has_the_name_of_the_release_and_nothing_that_serves() -> None:
    worker = {"command": ["work"], "replicaCount": 2}
    made = objects({"server": {"enabled": False}, "worker": worker})
    assert only(made, "Deployment")["metadata"]["labels"]["app.kubernetes.io/component"] == "worker"
    assert not {"Service", "Pod", "HorizontalPodAutoscaler"} & kinds(made)
    assert len(list(pods(made))) == 1
    policy = only(made, "NetworkPolicy")["spec"]
    assert (policy["policyTypes"], policy.get("ingress")) == (["Ingress", "Egress"], None)
    assert [one["kind"] for one in made].count("PodDisruptionBudget") == 1
    # Two pods, one more while they are replaced, and the two that still end.
    assert only(made, "ResourceQuota")["spec"]["hard"]["pods"] == "5"


def test_flows_into_a_release_without_a_server_reach_its_worker() -> None:
    values = {"server": {"enabled": False}, "worker": {"command": ["work"]}}
    flow = {"networkPolicy": {"ingress": {"prometheus": {"namespaces": ["monitoring"], "ports": [9464]}}}}
    spec = only(objects(values | flow), "NetworkPolicy", "probe-from-prometheus")["spec"]
    assert spec["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "worker"


@pytest.mark.parametrize("front", ["ingress", "targetGroupBinding"])
def test_nothing_can_be_led_to_a_release_without_a_server(front: str) -> None:
    alone = {"server": {"enabled": False}, "worker": {"command": ["work"]}}
    assert refusal(alone) == ""
    assert f"{front}.enabled" in refusal(alone | {front: EVERYTHING[front]})


def test_a_release_has_a_server_or_a_worker() -> None:
    assert "worker.command" in refusal({"server": {"enabled": False}})


def test_a_worker_lives_as_long_as_its_command_says_so_and_is_waited_for() -> None:
    worker = {"command": ["work"], "livenessCommand": ["check", "$(HOME)"]}
    (container,) = only(objects({"worker": worker, "startupSeconds": 33}), "Deployment", "probe-worker")["spec"][
        "template"
    ]["spec"]["containers"]
    startup, liveness = container["startupProbe"], container["livenessProbe"]
    # The kubelet replaces nothing in what a probe runs.
    assert startup["exec"]["command"] == liveness["exec"]["command"] == ["check", "$(HOME)"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 33
    assert "readinessProbe" not in container


def test_a_worker_is_counted_by_its_own_bounds() -> None:
    worker = {"command": ["work"], "autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 7}}
    made = objects({"worker": worker, "autoscaling": {"enabled": True}})
    scaler = only(made, "HorizontalPodAutoscaler", "probe-worker")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 7)
    assert scaler["scaleTargetRef"]["name"] == "probe-worker"
    assert "replicas" not in only(made, "Deployment", "probe-worker")["spec"]
    assert only(made, "HorizontalPodAutoscaler")["spec"]["maxReplicas"] == 10


def test_a_worker_is_pods_of_their_own_that_nothing_sends_to() -> None:
    made = objects({"worker": {"command": ["python3", "-m", "work"], "replicaCount": 2}, "env": {"QUEUE": "q"}})
    spec = only(made, "Deployment", "probe-worker")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["command"] == ["python3", "-m", "work"]
    assert {"name": "QUEUE", "value": "q"} in container["env"]
    assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & set(container)
    assert spec["replicas"] == 2


def test_a_target_group_is_bound_to_the_service() -> None:
    spec = only(objects(EVERYTHING), "TargetGroupBinding")["spec"]
    assert spec["targetGroupARN"] == EVERYTHING["targetGroupBinding"]["targetGroupARN"]
    assert spec["serviceRef"] == {
        "name": "probe",
        "port": only(objects(EVERYTHING), "Service")["spec"]["ports"][0]["name"],
    }


def test_an_ingress_sends_to_the_service_and_takes_annotations() -> None:
    ingress = only(objects(EVERYTHING), "Ingress")
    assert ingress["metadata"]["annotations"] == {
        "alb.ingress.kubernetes.io/target-type": "ip",
        "alb.ingress.kubernetes.io/healthcheck-path": "/ready",
        "alb.ingress.kubernetes.io/scheme": "internet-facing",
    }
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "app.example.com"
    assert rule["http"]["paths"][0]["backend"] == {"service": {"name": "probe", "port": {"name": "http"}}}


def test_pods_start_again_when_other_secrets_are_asked_for() -> None:
    made = objects(EVERYTHING)
    assert only(made, "ExternalSecret")["spec"]["target"]["name"] == "probe"
    template = only(made, "Deployment")["spec"]["template"]
    assert template["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "probe"}}]
    other = EVERYTHING["externalSecret"] | {"data": {"API_KEYS": {"key": "prod/other"}}}
    changed = only(objects(EVERYTHING | {"externalSecret": other}), "Deployment")["spec"]["template"]
    name = "checksum/external-secret"
    assert template["metadata"]["annotations"][name] != changed["metadata"]["annotations"][name]


def test_a_service_account_that_is_there_already_is_used_and_not_made() -> None:
    made = objects({"serviceAccount": {"create": False, "name": "mine"}})
    assert "ServiceAccount" not in kinds(made)
    assert {pod["spec"]["serviceAccountName"] for pod in pods(made)} == {"mine"}


@pytest.mark.parametrize(
    ("values", "pods_", "cpu", "memory"),
    [
        ({"rollout": {"maxSurge": 1}}, 8, "2000m", "4096Mi"),
        ({"replicaCount": 1}, 4, "1000m", "2048Mi"),
        ({"replicaCount": 10, "rollout": {"maxSurge": "11%"}}, 23, "5750m", "11776Mi"),
        ({"autoscaling": {"enabled": True, "maxReplicas": 20}}, 46, "11500m", "23552Mi"),
        ({"replicaCount": 1, "worker": {"command": ["work"], "replicaCount": 2}}, 9, "2250m", "4608Mi"),
        ({"replicaCount": 1, "resources": {"requests": {"cpu": "0.25", "memory": "1G"}}}, 4, "1000m", "4G"),
        ({"replicaCount": 1, "resources": {"requests": {"cpu": "2", "memory": "1024"}}}, 4, "8", "4096"),
    ],
)
def test_the_quota_has_room_for_a_rollout_of_the_most_pods(
    values: dict[str, object], pods_: int, cpu: str, memory: str
) -> None:
    hard = only(objects(values), "ResourceQuota")["spec"]["hard"]
    assert (hard["pods"], hard["requests.cpu"], hard["requests.memory"]) == (str(pods_), cpu, memory)
    assert set(hard) == {"pods", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"}


def test_the_quota_is_what_is_asked_for() -> None:
    hard = only(objects({"resourceQuota": {"hard": {"pods": "5", "limits.cpu": "3"}}}), "ResourceQuota")["spec"]["hard"]
    assert (hard["pods"], hard["limits.cpu"], hard["limits.memory"]) == ("5", "3", "4096Mi")


def test_a_container_that_asks_for_nothing_gets_what_the_service_asks_for() -> None:
    made = objects()
    (limit,) = only(made, "LimitRange")["spec"]["limits"]
    resources = only(made, "Deployment")["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert limit == {"type": "Container", "default": resources["limits"], "defaultRequest": resources["requests"]}


def test_it_can_be_part_of_another_chart(tmp_path: Path) -> None:
    copytree(CHART, tmp_path / "charts" / "service")
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: shop, version: 0.1.0}")
    values = {"service": EVERYTHING, "global": {"team": "shop"}}
    made = [one for one in yaml.safe_load_all(helm("template", "probe", str(tmp_path), values=values)) if one]
    assert kinds(made) == kinds(objects(EVERYTHING))
