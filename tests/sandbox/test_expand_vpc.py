"""The whole expansion of a VPC, spoken to a resource monitor that records what it is asked to register."""

from __future__ import annotations

import json
from collections import Counter
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.control.errors import Refusal
from sandbox.control.expand import SERVED, expand
from tests.sandbox.monitor import AWS, Engine, Monitor
from tests.sandbox.monitor import engine as serving

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORDED = Path(__file__).parent / "recorded"
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"
_COMPONENT = "awsx:ec2:Vpc::net"
_IDS = ("vpcId", "subnetId", "routeTableId", "gatewayId", "natGatewayId", "allocationId")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Yield an engine to construct VPCs with."""
    monitor = Monitor(answers={_ZONES: {"names": [f"us-west-2{letter}" for letter in "abcd"]}})
    with serving(monitor, "awsx:ec2:Vpc", "net") as engine:
        yield engine


_ARGUMENTS = {"cidrBlock": "10.20.0.0/16", "enableDnsHostnames": True, "subnetStrategy": "Auto"}


@pytest.mark.parametrize(("recording", "zones", "nat"), [("vpc-3-single", 3, "Single"), ("vpc-2-none", 2, "None")])
def test_children_are_those_of_the_real_package(engine: Engine, recording: str, zones: int, nat: str) -> None:
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


def test_each_link_is_to_the_resource_it_names(engine: Engine) -> None:
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


def test_the_defaults_are_the_real_ones(engine: Engine) -> None:
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


def test_the_program_gets_identifiers_and_resources(engine: Engine) -> None:
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
    assert engine.monitor.finished == {_COMPONENT: {}}


def test_outputs_say_what_they_came_from(engine: Engine) -> None:
    uses = expand(engine.request(numberOfAvailabilityZones=2)).stateDependencies
    assert list(uses["vpcId"].urns) == ["aws:ec2/vpc:Vpc::net"]
    assert list(uses["privateSubnetIds"].urns) == [f"aws:ec2/subnet:Subnet::net-private-{zone}" for zone in (1, 2)]
    assert len(uses["routes"].urns) == 4


def test_in_a_preview_identifiers_are_unknown_and_resources_known_by_urn(engine: Engine) -> None:
    engine.monitor.preview = True
    state = engine.construct(numberOfAvailabilityZones=2)
    assert state["vpcId"] == state["publicSubnetIds"] == state["privateSubnetIds"] == _UNKNOWN
    assert state["isolatedSubnetIds"] == []
    assert state["vpc"]["id"] == ""
    assert len(state["subnets"]) == 4
    assert engine.monitor.inputs("aws:ec2/natGateway:NatGateway::net-1")["allocationId"] == _UNKNOWN


def test_tags_reach_every_child_and_subnets_have_their_own(engine: Engine) -> None:
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


def test_unknown_and_secret_tags_stay_so(engine: Engine) -> None:
    request = engine.request(tags={"a": {_SIGNATURE: _SECRET, "value": "hidden"}, "b": _UNKNOWN})
    request.inputDependencies["tags"].urns.append("outside::key")
    expand(request)
    for urn in ("aws:ec2/vpc:Vpc::net", "aws:ec2/subnet:Subnet::net-private-1", "aws:ec2/eip:Eip::net-1"):
        tags = engine.monitor.inputs(urn)["tags"]
        assert tags["a"] == {_SIGNATURE: _SECRET, "value": "hidden"}
        assert tags["b"] == _UNKNOWN
        assert list(engine.monitor.registered[urn].propertyDependencies["tags"].urns) == ["outside::key"]


def test_outputs_are_taken_for_what_they_hold(engine: Engine) -> None:
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


def test_tags_that_are_not_known_at_all_are_unknown_everywhere(engine: Engine) -> None:
    engine.construct(tags=_UNKNOWN)
    assert engine.monitor.inputs("aws:ec2/internetGateway:InternetGateway::net")["tags"] == _UNKNOWN


def test_given_addresses_are_used_instead_of_new_ones(engine: Engine) -> None:
    nat = {"strategy": "OnePerAz", "elasticIpAllocationIds": ["eipalloc-1", "eipalloc-2"]}
    state = engine.construct(numberOfAvailabilityZones=2, natGateways=nat)
    assert state["eips"] == []
    assert engine.monitor.inputs("aws:ec2/natGateway:NatGateway::net-2")["allocationId"] == "eipalloc-2"


def test_named_zones_need_no_lookup(engine: Engine) -> None:
    engine.construct(availabilityZoneNames=["eu-west-1b", "eu-west-1c"])
    assert engine.monitor.invoked == []
    zone = engine.monitor.inputs("aws:ec2/subnet:Subnet::net-public-2")["availabilityZone"]
    assert zone == "eu-west-1c"


def test_children_and_lookup_use_the_programs_provider(engine: Engine) -> None:
    engine.construct()
    children = [one for one in engine.monitor.registered.values() if one.custom]
    assert {(one.provider, one.version) for one in [*children, *engine.monitor.invoked]} == {(AWS, "")}
    assert engine.monitor.registered[_COMPONENT].providers["aws"] == AWS


def test_without_a_provider_a_version_is_pinned(engine: Engine) -> None:
    request = engine.request()
    request.providers.clear()
    expand(request)
    children = [one for one in engine.monitor.registered.values() if one.custom]
    assert all(one.provider == "" and one.version.startswith("7.") for one in [*children, *engine.monitor.invoked])


def test_the_component_keeps_its_place_and_options(engine: Engine) -> None:
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
def test_what_cannot_be_is_refused_before_any_child(engine: Engine, inputs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal) as refusal:
        engine.construct(**inputs)
    assert sentence in str(refusal.value)
    assert [one for one in engine.monitor.registered.values() if one.custom] == []


def test_a_region_without_zones_is_explained(engine: Engine) -> None:
    engine.monitor.answers[_ZONES] = {"names": []}
    with pytest.raises(Refusal, match="at least 3 Availability Zones"):
        engine.construct()


def test_a_child_that_failed_ends_the_expansion(engine: Engine) -> None:
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


def test_components_expand_side_by_side(engine: Engine) -> None:
    def one(number: int) -> str:
        request = engine.request(numberOfAvailabilityZones=2)
        request.name = f"net{number}"
        return expand(request).urn

    with futures.ThreadPoolExecutor(4) as pool:
        urns = list(pool.map(one, range(4)))
    assert urns == [f"awsx:ec2:Vpc::net{number}" for number in range(4)]
    assert len(engine.monitor.of("Subnet")) == 16
