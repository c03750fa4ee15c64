"""Pods as the restricted Pod Security Standard wants them, and nobody talks with them who was not named."""

from __future__ import annotations

import pytest

from tests.charts.chart import EVERYTHING, Manifest, objects, only, pods

_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
_SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies"),
}
ALL_PODS = list(pods(objects(EVERYTHING)))
NAMES = [pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in ALL_PODS]


@pytest.mark.parametrize("pod", ALL_PODS, ids=NAMES)
def test_every_pod_is_restricted_as_the_standard_says(pod: Manifest) -> None:
    spec, security = pod["spec"], pod["spec"]["securityContext"]
    # Baseline.
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec)
    assert not {"seLinuxOptions", "windowsOptions", "appArmorProfile"} & set(security)
    assert {one["name"] for one in security.get("sysctls", ())} <= _SYSCTLS
    # Restricted.
    assert all(set(volume) - {"name"} <= _VOLUMES for volume in spec["volumes"])
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] != 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"initContainers", "ephemeralContainers"} & set(spec)
    for container in spec["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert own["privileged"] is False
        assert own["runAsNonRoot"] is True
        assert own["runAsUser"] != 0
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"procMount", "seLinuxOptions"} & set(own)
        assert all("hostPort" not in port for port in container.get("ports", ()))


@pytest.mark.parametrize("pod", ALL_PODS, ids=NAMES)
def test_every_pod_is_stricter_than_the_standard(pod: Manifest) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsUser"] >= 10_000
    assert all(container["securityContext"]["readOnlyRootFilesystem"] is True for container in spec["containers"])


def test_no_token_comes_with_the_service_account_either() -> None:
    assert only(objects(), "ServiceAccount")["automountServiceAccountToken"] is False


def test_pings_need_a_group_and_no_capability() -> None:
    made = {value: only(objects({"icmp": value}), "Deployment")["spec"]["template"]["spec"] for value in (True, False)}
    group = made[True]["securityContext"]["runAsGroup"]
    wanted = {"name": "net.ipv4.ping_group_range", "value": f"{group} {group}"}
    assert made[True]["securityContext"]["sysctls"] == [wanted]
    assert "sysctls" not in made[False]["securityContext"]


def policies(values: dict[str, object] | None = None) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one["spec"] for one in objects(values) if one["kind"] == "NetworkPolicy"}


def test_all_is_denied_both_ways_but_lookups_the_test_and_the_identity_agent() -> None:
    ((_, spec),) = policies().items()
    everything = {"app.kubernetes.io/name": "service", "app.kubernetes.io/instance": "probe"}
    assert spec["podSelector"]["matchLabels"] == everything
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    test = everything | {"app.kubernetes.io/component": "test"}
    port = [{"protocol": "TCP", "port": 8080}]
    assert spec["ingress"] == [{"from": [{"podSelector": {"matchLabels": test}}], "ports": port}]
    to_server, lookups, agent = spec["egress"]
    server = everything | {"app.kubernetes.io/component": "server"}
    assert to_server == {"to": [{"podSelector": {"matchLabels": server}}], "ports": port}
    assert lookups == {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
    assert [one["ipBlock"]["cidr"] for one in agent["to"]] == ["169.254.170.23/32", "fd00:ec2::23/128"]


def test_without_pod_identity_its_agent_is_out_of_reach() -> None:
    assert len(policies({"serviceAccount": {"podIdentity": False}})["probe"]["egress"]) == 2


def test_each_flow_is_a_policy_that_says_its_name() -> None:
    made = policies(EVERYTHING | {"port": 9000})
    assert set(made) == {
        *("probe", "probe-from-load-balancer", "probe-from-prometheus", "probe-to-database", "probe-to-internet"),
    }
    assert made["probe-from-load-balancer"]["policyTypes"] == ["Ingress"]
    assert made["probe-from-load-balancer"]["ingress"] == [
        {"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 9000}]}
    ]
    (scrape,) = made["probe-from-prometheus"]["ingress"]
    assert scrape["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert scrape["ports"] == [{"protocol": "TCP", "port": 9464}]
    assert made["probe-to-database"]["policyTypes"] == ["Egress"]
    assert made["probe-to-database"]["egress"] == [
        {
            "to": [{"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.9.0/24"]}}],
            "ports": [{"protocol": "TCP", "port": 5432}],
        }
    ]


def test_a_flow_out_without_ports_is_open_to_pings_too() -> None:
    (rule,) = policies(EVERYTHING)["probe-to-internet"]["egress"]
    assert "ports" not in rule
    assert [one["ipBlock"]["cidr"] for one in rule["to"]] == ["0.0.0.0/0", "::/0"]


def test_what_comes_in_is_for_those_who_serve() -> None:
    selector = policies(EVERYTHING)["probe-from-load-balancer"]["podSelector"]["matchLabels"]
    assert selector["app.kubernetes.io/component"] == "server"
