"""The whole expansion of a VPC, spoken to a resource monitor that records what it is asked to register."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from sandbox.control.errors import Refusal
from sandbox.control.expand import SERVED, expand

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORDED = Path(__file__).parent / "recorded"
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_AWS = "urn:pulumi:dev::p::pulumi:providers:aws::aws::0c8ab1a4"
_COMPONENT = "awsx:ec2:Vpc::net"
_IDS = ("vpcId", "subnetId", "routeTableId", "gatewayId", "natGatewayId", "allocationId")


@dataclass
class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """An engine that gives every custom resource an id, or none yet in a preview."""

    preview: bool = False
    fails: str = ""
    zones: list[str] = field(default_factory=lambda: [f"us-west-2{letter}" for letter in "abcd"])
    registered: dict[str, resource_pb2.RegisterResourceRequest] = field(default_factory=dict)
    invoked: list[resource_pb2.ResourceInvokeRequest] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        urn = f"{request.type}::{request.name}"
        with self.lock:
            assert urn not in self.registered, f"{urn} is registered twice"
            assert request.parent in self.registered or not request.custom, f"the parent of {urn} is not there yet"
            assert all(name in self.registered for name in request.dependencies if not name.startswith("outside"))
            self.registered[urn] = request
        identity = "" if self.preview or not request.custom else f"id-{urn}"
        result = resource_pb2.FAIL if request.name == self.fails else resource_pb2.SUCCESS
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, result=result)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.finished.append(request.urn)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.invoked.append(request)
        answer = resource_pb2.ResourceInvokeResponse()
        json_format.ParseDict({"names": self.zones}, getattr(answer, "return"))
        return answer

    def inputs(self, urn: str) -> dict[str, Any]:
        return json_format.MessageToDict(self.registered[urn].object)

    def of(self, kind: str) -> list[str]:
        return sorted(urn.split("::")[1] for urn in self.registered if urn.split("::")[0].endswith(f":{kind}"))


@dataclass(frozen=True)
class _Engine:
    monitor: _Monitor
    endpoint: str

    def construct(self, **inputs: Any) -> dict[str, Any]:
        return json_format.MessageToDict(expand(self.request(**inputs)).state)

    def request(self, **inputs: Any) -> provider_pb2.ConstructRequest:
        return provider_pb2.ConstructRequest(
            type="awsx:ec2:Vpc",
            name="net",
            monitorEndpoint=self.endpoint,
            inputs=json_format.ParseDict(inputs, struct_pb2.Struct()),
            providers={"aws": _AWS},
            dryRun=self.monitor.preview,
        )


@pytest.fixture
def engine() -> Iterator[_Engine]:
    """Yield an engine to construct components with."""
    monitor = _Monitor()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield _Engine(monitor, f"127.0.0.1:{port}")
    server.stop(grace=None)


_ARGUMENTS = {"cidrBlock": "10.20.0.0/16", "enableDnsHostnames": True, "subnetStrategy": "Auto"}


@pytest.mark.parametrize(("recording", "zones", "nat"), [("vpc-3-single", 3, "Single"), ("vpc-2-none", 2, "None")])
def test_children_are_those_of_the_real_package(engine: _Engine, recording: str, zones: int, nat: str) -> None:
    engine.construct(**_ARGUMENTS, numberOfAvailabilityZones=zones, natGateways={"strategy": nat})
    real = {f"{one['type']}::{one['name']}": one for one in json.loads((_RECORDED / f"{recording}.json").read_text())}
    assert engine.monitor.registered.keys() == real.keys()
    ids: dict[str, str] = {}
    for urn, expected in real.items():
        ours = engine.monitor.registered[urn]
        assert ours.parent == (expected["parent"] or "")
        inputs = engine.monitor.inputs(urn)
        for name in _IDS:
            # Identifiers differ, but the same resource must be meant each time.
            assert (name in inputs) == (name in expected["inputs"])
            if name in inputs:
                assert ids.setdefault(expected["inputs"].pop(name), inputs.pop(name)).startswith("id-")
        assert inputs == expected["inputs"], urn
    assert len(set(ids.values())) == len(ids)


def test_each_link_is_to_the_resource_it_names(engine: _Engine) -> None:
    engine.construct(numberOfAvailabilityZones=3, natGateways={"strategy": "OnePerAz"})
    inputs = engine.monitor.inputs
    assert engine.monitor.of("NatGateway") == engine.monitor.of("Eip") == ["net-1", "net-2", "net-3"]
    for zone in (1, 2, 3):
        nat = inputs(f"aws:ec2/natGateway:NatGateway::net-{zone}")
        assert nat["subnetId"] == f"id-aws:ec2/subnet:Subnet::net-public-{zone}"
        assert nat["allocationId"] == f"id-aws:ec2/eip:Eip::net-{zone}"
        private = inputs(f"aws:ec2/route:Route::net-private-{zone}")
        assert private["natGatewayId"] == f"id-aws:ec2/natGateway:NatGateway::net-{zone}"
        assert private["routeTableId"] == f"id-aws:ec2/routeTable:RouteTable::net-private-{zone}"
        public = inputs(f"aws:ec2/route:Route::net-public-{zone}")
        assert public["gatewayId"] == "id-aws:ec2/internetGateway:InternetGateway::net"
    route = engine.monitor.registered["aws:ec2/route:Route::net-private-2"]
    assert list(route.propertyDependencies["natGatewayId"].urns) == ["aws:ec2/natGateway:NatGateway::net-2"]
    assert set(route.dependencies) == {
        "aws:ec2/natGateway:NatGateway::net-2",
        "aws:ec2/routeTable:RouteTable::net-private-2",
    }


def test_the_defaults_are_the_real_ones(engine: _Engine) -> None:
    engine.construct()
    assert engine.monitor.inputs("aws:ec2/vpc:Vpc::net") == {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "net"}}
    kinds = Counter(urn.split("::")[0].rpartition(":")[2] for urn in engine.monitor.registered)
    assert kinds == {
        "Vpc": 2,
        "InternetGateway": 1,
        "Subnet": 6,
        "RouteTable": 6,
        "RouteTableAssociation": 6,
        "Route": 6,
        "Eip": 3,
        "NatGateway": 3,
    }


def test_the_program_gets_identifiers_and_resources(engine: _Engine) -> None:
    specs = [{"type": "Public"}, {"type": "Private"}, {"type": "Isolated"}, {"type": "Unused"}]
    state = engine.construct(
        subnetSpecs=specs, subnetStrategy="Auto", numberOfAvailabilityZones=2, natGateways={"strategy": "None"}
    )
    subnet = "id-aws:ec2/subnet:Subnet::net-"
    assert state["vpcId"] == "id-aws:ec2/vpc:Vpc::net"
    assert state["publicSubnetIds"] == [f"{subnet}public-1", f"{subnet}public-2"]
    assert state["privateSubnetIds"] == [f"{subnet}private-1", f"{subnet}private-2"]
    assert state["isolatedSubnetIds"] == [f"{subnet}isolated-1", f"{subnet}isolated-2"]
    assert state["vpc"] == {
        _SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e",
        "urn": "aws:ec2/vpc:Vpc::net",
        "id": "id-aws:ec2/vpc:Vpc::net",
    }
    assert len(state["subnets"]) == 6
    assert [len(state[name]) for name in ("publicSubnets", "privateSubnets", "isolatedSubnets")] == [2, 2, 2]
    assert state["eips"] == state["natGateways"] == state["vpcEndpoints"] == []
    assert state["subnetLayout"] == [{"type": spec["type"]} for spec in specs]
    assert engine.monitor.finished == [_COMPONENT]


def test_outputs_say_what_they_came_from(engine: _Engine) -> None:
    uses = expand(engine.request(numberOfAvailabilityZones=2)).stateDependencies
    assert list(uses["vpcId"].urns) == ["aws:ec2/vpc:Vpc::net"]
    assert list(uses["privateSubnetIds"].urns) == [f"aws:ec2/subnet:Subnet::net-private-{zone}" for zone in (1, 2)]
    assert len(uses["routes"].urns) == 4


def test_in_a_preview_identifiers_are_unknown_and_resources_known_by_urn(engine: _Engine) -> None:
    engine.monitor.preview = True
    state = engine.construct(numberOfAvailabilityZones=2)
    assert state["vpcId"] == state["publicSubnetIds"] == state["privateSubnetIds"] == _UNKNOWN
    assert state["isolatedSubnetIds"] == []
    assert state["vpc"]["id"] == ""
    assert len(state["subnets"]) == 4
    assert engine.monitor.inputs("aws:ec2/natGateway:NatGateway::net-1")["allocationId"] == _UNKNOWN


def test_tags_reach_every_child_and_subnets_have_their_own(engine: _Engine) -> None:
    specs = [{"type": "Public", "tags": {"tier": "edge", "team": "a"}}, {"type": "Private", "name": "app"}]
    engine.construct(subnetSpecs=specs, subnetStrategy="Auto", numberOfAvailabilityZones=1, tags={"team": "b"})
    tags = {urn: engine.monitor.inputs(urn).get("tags") for urn in engine.monitor.registered}
    assert tags["aws:ec2/vpc:Vpc::net"] == {"Name": "net", "team": "b"}
    assert tags["aws:ec2/subnet:Subnet::net-public-1"] == {
        "Name": "net-public-1",
        "SubnetType": "Public",
        "team": "a",
        "tier": "edge",
    }
    assert tags["aws:ec2/routeTable:RouteTable::net-app-1"] == {
        "Name": "net-app-1",
        "SubnetType": "Private",
        "team": "b",
    }
    assert tags["aws:ec2/eip:Eip::net-1"] == {"Name": "net-1", "team": "b"}


def test_unknown_and_secret_tags_stay_so(engine: _Engine) -> None:
    request = engine.request(tags={"a": {_SIGNATURE: _SECRET, "value": "hidden"}, "b": _UNKNOWN})
    request.inputDependencies["tags"].urns.append("outside::key")
    expand(request)
    for urn in ("aws:ec2/vpc:Vpc::net", "aws:ec2/subnet:Subnet::net-private-1", "aws:ec2/eip:Eip::net-1"):
        tags = engine.monitor.inputs(urn)["tags"]
        assert tags["a"] == {_SIGNATURE: _SECRET, "value": "hidden"}
        assert tags["b"] == _UNKNOWN
        assert list(engine.monitor.registered[urn].propertyDependencies["tags"].urns) == ["outside::key"]


def test_outputs_are_taken_for_what_they_hold(engine: _Engine) -> None:
    def output(**of: Any) -> dict[str, Any]:
        return {_SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "dependencies": ["outside::key"], **of}

    tags = {"known": output(value="a"), "unknown": output(), "secret": output(value="hidden", secret=True)}
    engine.construct(tags=output(value=tags), enableDnsSupport=output(value=False))
    inputs = engine.monitor.inputs("aws:ec2/vpc:Vpc::net")
    assert inputs["enableDnsSupport"] is False
    assert inputs["tags"] == {
        "Name": "net",
        "known": "a",
        "unknown": _UNKNOWN,
        "secret": {_SIGNATURE: _SECRET, "value": "hidden"},
    }


def test_tags_that_are_not_known_at_all_are_unknown_everywhere(engine: _Engine) -> None:
    engine.construct(tags=_UNKNOWN)
    assert engine.monitor.inputs("aws:ec2/internetGateway:InternetGateway::net")["tags"] == _UNKNOWN


def test_given_addresses_are_used_instead_of_new_ones(engine: _Engine) -> None:
    nat = {"strategy": "OnePerAz", "elasticIpAllocationIds": ["eipalloc-1", "eipalloc-2"]}
    state = engine.construct(numberOfAvailabilityZones=2, natGateways=nat)
    assert state["eips"] == []
    assert engine.monitor.inputs("aws:ec2/natGateway:NatGateway::net-2")["allocationId"] == "eipalloc-2"


def test_named_zones_need_no_lookup(engine: _Engine) -> None:
    engine.construct(availabilityZoneNames=["eu-west-1b", "eu-west-1c"])
    assert engine.monitor.invoked == []
    zone = engine.monitor.inputs("aws:ec2/subnet:Subnet::net-public-2")["availabilityZone"]
    assert zone == "eu-west-1c"


def test_children_and_lookup_use_the_programs_provider(engine: _Engine) -> None:
    engine.construct()
    children = [one for one in engine.monitor.registered.values() if one.custom]
    assert {(one.provider, one.version) for one in [*children, *engine.monitor.invoked]} == {(_AWS, "")}
    assert engine.monitor.registered[_COMPONENT].providers["aws"] == _AWS


def test_without_a_provider_a_version_is_pinned(engine: _Engine) -> None:
    request = engine.request()
    request.providers.clear()
    expand(request)
    children = [one for one in engine.monitor.registered.values() if one.custom]
    assert all(one.provider == "" and one.version.startswith("7.") for one in [*children, *engine.monitor.invoked])


def test_the_component_keeps_its_place_and_options(engine: _Engine) -> None:
    request = engine.request()
    request.parent = "outside::stack"
    request.protect = True
    request.dependencies.append("outside::key")
    request.aliases.add().urn = "outside::old"
    expand(request)
    component = engine.monitor.registered[_COMPONENT]
    assert (component.parent, component.custom, component.protect) == ("outside::stack", False, True)
    assert [alias.urn for alias in component.aliases] == ["outside::old"]
    assert list(component.dependencies) == ["outside::key"]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"numberOfAvailabilityZones": 5}, "does not have at least 5 Availability Zones. Either specify"),
        ({"subnetSpecs": [{"type": "Private"}]}, "public subnets must be declared to host the NAT Gateway"),
        ({"subnetSpecs": [{"type": "Public"}]}, "along with private or isolated subnets to route through it"),
        ({"numberOfAvailabilityZones": 2, "availabilityZoneNames": ["a"]}, "Only one of [availabilityZoneNames]"),
        ({"natGateways": {"strategy": "None", "elasticIpAllocationIds": ["e"]}}, "cannot be specified when"),
        ({"natGateways": {"strategy": "Single", "elasticIpAllocationIds": ["e", "f"]}}, "Exactly one Elastic IP"),
        ({"natGateways": {"elasticIpAllocationIds": ["e"]}}, "must match the number of availability zones for the VPC"),
        ({"natGateways": {"strategy": "Two"}}, "natGateways.strategy must be one of None, Single, OnePerAz, not 'Two'"),
        ({"subnetStrategy": "auto-ish"}, "subnetStrategy must be one of Legacy, Auto, AutoMerge, Exact"),
        ({"vpcEndpointSpecs": [{"serviceName": "s3"}]}, "does not serve vpcEndpointSpecs of awsx:ec2:Vpc"),
        ({"ipv4IpamPoolId": "p", "region": "x"}, "does not serve ipv4IpamPoolId, region of"),
        ({"subnetSpecs": [{"type": "Public", "assignIpv6AddressOnCreation": True}]}, "does not serve assignIpv6"),
        ({"subnetSpecs": [{"type": "Hidden"}]}, "subnetSpecs[0].type must be one of Public, Private"),
        ({"subnetSpecs": [{"name": "a"}]}, "subnetSpecs[0] has no type"),
        ({"availabilityZoneCidrMask": 64}, "availabilityZoneCidrMask must be a whole number from 0 to 32"),
        ({"numberOfAvailabilityZones": 1.5}, "numberOfAvailabilityZones must be a whole number"),
        ({"cidrBlock": _UNKNOWN}, "cidrBlock decides which resources exist: give it a plain value"),
        ({"cidrBlock": {_SIGNATURE: _SECRET, "value": "10.0.0.0/8"}}, "cidrBlock decides which resources exist"),
        ({"cidrBlock": "10.0.0.0/99"}, "'10.0.0.0/99' is not an IPv4 block"),
    ],
)
def test_what_cannot_be_is_refused_before_any_child(engine: _Engine, inputs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal) as refusal:
        engine.construct(**inputs)
    assert sentence in str(refusal.value)
    assert [one for one in engine.monitor.registered.values() if one.custom] == []


def test_a_region_without_zones_is_explained(engine: _Engine) -> None:
    engine.monitor.zones = []
    with pytest.raises(Refusal, match="at least 3 Availability Zones"):
        engine.construct()


def test_a_child_that_failed_ends_the_expansion(engine: _Engine) -> None:
    engine.monitor.fails = "net-private-2"
    with pytest.raises(Refusal, match="net-private-2 could not be created"):
        engine.construct()
    assert engine.monitor.of("RouteTable") == []


def test_other_components_are_refused_by_name() -> None:
    assert {"awsx:ec2:Vpc", "eks:index:Cluster"} == SERVED
    with pytest.raises(Refusal, match="does not serve the component awsx:ecr:Repository"):
        expand(provider_pb2.ConstructRequest(type="awsx:ecr:Repository", name="images"))


def test_an_engine_that_is_gone_is_a_sentence() -> None:
    with pytest.raises(Refusal, match="The engine did not answer"):
        expand(provider_pb2.ConstructRequest(type="awsx:ec2:Vpc", name="net", monitorEndpoint="127.0.0.1:1"))


def test_components_expand_side_by_side(engine: _Engine) -> None:
    def one(number: int) -> str:
        request = engine.request(numberOfAvailabilityZones=2)
        request.name = f"net{number}"
        return expand(request).urn

    with futures.ThreadPoolExecutor(4) as pool:
        urns = list(pool.map(one, range(4)))
    assert urns == [f"awsx:ec2:Vpc::net{number}" for number in range(4)]
    assert len(engine.monitor.of("Subnet")) == 16
