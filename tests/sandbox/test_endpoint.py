"""The fake of AWS's API answers what boto3 understands, and only that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.control import faults
from sandbox.control.account import Account, Entry
from sandbox.control.endpoint import endpoint
from sandbox.control.wire import Values

Put = Callable[..., None]
Client = Callable[[str], Any]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path)
    yield account
    account.close()


@pytest.fixture
def put(account: Account) -> Put:
    """Put a resource into the account, as a provider would."""

    def put(token: str, identity: str, inputs: Values, **outputs: object) -> None:
        values: Values = {**inputs, **outputs}  # type: ignore[dict-item]
        with account.transaction() as transaction:
            entry = Entry(token, "us-east-1", identity, identity, f"urn::{identity}", inputs, values, [])
            transaction.add(entry)

    return put


@pytest.fixture
def client(account: Account) -> Iterator[Client]:
    server = endpoint(account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    url = f"http://127.0.0.1:{server.server_port}"
    yield lambda service: session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    server.shutdown()
    server.server_close()


def test_resources_are_found_by_their_tags(put: Put, client: Client) -> None:
    for name, stack in (("one", "dev"), ("two", "prod")):
        arn = f"arn:aws:ec2:us-east-1:123456789012:vpc/vpc-{name}"
        put("aws:ec2/vpc:Vpc", f"vpc-{name}", {}, arn=arn, tagsAll={"modeshift:stack": stack, "Name": "a & <b>"})
    put("aws:iam/rolePolicy:RolePolicy", "untagged", {})

    pages = client("resourcegroupstaggingapi").get_paginator("get_resources")
    [page] = pages.paginate(TagFilters=[{"Key": "modeshift:stack", "Values": ["dev"]}])
    assert page["ResourceTagMappingList"] == [
        {
            "ResourceARN": "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-one",
            "Tags": [{"Key": "Name", "Value": "a & <b>"}, {"Key": "modeshift:stack", "Value": "dev"}],
        }
    ]
    answer = client("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["ec2:subnet"])
    assert answer["ResourceTagMappingList"] == []


def test_a_nat_gateway_has_an_arn_although_its_provider_does_not_tell(put: Put, client: Client) -> None:
    put("aws:ec2/natGateway:NatGateway", "nat-1", {}, tagsAll={"Name": "x"})
    answer = client("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["ec2:natgateway"])
    [found] = answer["ResourceTagMappingList"]
    assert found["ResourceARN"] == "arn:aws:ec2:us-east-1:123456789012:natgateway/nat-1"


def test_what_belongs_to_an_api_is_listed(put: Put, client: Client) -> None:
    put("aws:apigatewayv2/integration:Integration", "i1", {"apiId": "mine", "integrationUri": "arn:x"})
    put("aws:apigatewayv2/route:Route", "r1", {"apiId": "mine", "routeKey": "ANY /{proxy+}"})
    put("aws:apigatewayv2/route:Route", "r2", {"apiId": "other", "routeKey": "$default"})
    put(
        "aws:apigatewayv2/apiMapping:ApiMapping",
        "m1",
        {"apiId": "mine", "domainName": "a.example.com", "stage": "$default"},
    )

    api = client("apigatewayv2")
    [integration] = api.get_integrations(ApiId="mine")["Items"]
    assert (integration["IntegrationId"], integration["IntegrationUri"]) == ("i1", "arn:x")
    [route] = api.get_routes(ApiId="mine")["Items"]
    assert (route["RouteId"], route["RouteKey"]) == ("r1", "ANY /{proxy+}")
    [mapping] = api.get_api_mappings(DomainName="a.example.com")["Items"]
    assert (mapping["ApiMappingId"], mapping["Stage"]) == ("m1", "$default")
    assert api.get_routes(ApiId="none")["Items"] == []


def test_deployments_of_a_rest_api_are_listed_with_their_age(put: Put, client: Client) -> None:
    for name, api in (("d1", "mine"), ("d2", "other")):
        put("aws:apigateway/deployment:Deployment", name, {"restApi": api}, createdDate="2026-01-01T00:00:00Z")
    [deployment] = client("apigateway").get_deployments(restApiId="mine")["items"]
    assert (deployment["id"], deployment["createdDate"].year) == ("d1", 2026)


@pytest.mark.parametrize("function", ["f", "arn:aws:lambda:us-east-1:123456789012:function:f"])
def test_aliases_of_a_function_are_listed_by_its_name_or_arn(put: Put, client: Client, function: str) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
    put("aws:lambda/alias:Alias", arn, {"functionName": "f", "name": "live", "functionVersion": "3"}, arn=arn)
    [alias] = client("lambda").list_aliases(FunctionName=function)["Aliases"]
    assert (alias["AliasArn"], alias["Name"], alias["FunctionVersion"]) == (arn, "live", "3")


def test_addresses_of_a_file_system_are_listed(put: Put, client: Client) -> None:
    for files in ("fs-1", "fs-2"):
        put("aws:efs/mountTarget:MountTarget", f"fsmt-{files}", {"fileSystemId": files, "subnetId": "subnet-1"})
    [page] = client("efs").get_paginator("describe_mount_targets").paginate(FileSystemId="fs-1")
    [found] = page["MountTargets"]
    assert (found["MountTargetId"], found["SubnetId"]) == ("fsmt-fs-1", "subnet-1")


def test_pod_identities_of_a_cluster_are_listed(put: Put, client: Client) -> None:
    token = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    for cluster in ("dev-eks", "other"):
        inputs: Values = {"clusterName": cluster, "namespace": "web", "serviceAccount": "web"}
        put(token, f"a-{cluster}", inputs, associationId=f"a-{cluster}")
    [found] = client("eks").list_pod_identity_associations(clusterName="dev-eks")["associations"]
    assert (found["associationId"], found["namespace"], found["serviceAccount"]) == ("a-dev-eks", "web", "web")


def test_associations_of_a_subnet_are_in_its_route_table(put: Put, client: Client) -> None:
    for number in (1, 2):
        inputs: Values = {"routeTableId": "rtb-1", "subnetId": f"subnet-{number}"}
        put("aws:ec2/routeTableAssociation:RouteTableAssociation", f"rtbassoc-{number}", inputs)
    filters = [{"Name": "association.subnet-id", "Values": ["subnet-2"]}]
    [table] = client("ec2").describe_route_tables(Filters=filters)["RouteTables"]
    [association] = table["Associations"]
    assert (table["RouteTableId"], association["RouteTableAssociationId"]) == ("rtb-1", "rtbassoc-2")


def test_rules_say_their_direction_and_tags(put: Put, client: Client) -> None:
    for way in ("Ingress", "Egress"):
        token = f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule"
        put(token, f"sgr-{way}", {"securityGroupId": "sg-1"}, tagsAll={"Name": "x"})
    filters = [{"Name": "group-id", "Values": ["sg-1"]}]
    rules = client("ec2").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    assert [(rule["SecurityGroupRuleId"], rule["IsEgress"]) for rule in rules] == [
        ("sgr-Ingress", False),
        ("sgr-Egress", True),
    ]
    assert rules[0]["Tags"] == [{"Key": "Name", "Value": "x"}]


def test_any_other_call_is_refused_by_name(client: Client) -> None:
    with pytest.raises(ClientError, match=r"does not answer DescribeVpcs"):
        client("ec2").describe_vpcs()
    with pytest.raises(ClientError, match="/v2/apis"):
        client("apigatewayv2").get_apis()


def test_an_image_is_there_unless_a_fault_says_that_it_is_gone(account: Account, client: Client) -> None:
    asked = {"repositoryName": "team/app", "imageIds": [{"imageDigest": "sha256:" + "1" * 64}]}
    found = client("ecr").describe_images(**asked)["imageDetails"]
    assert found == [{"repositoryName": "team/app", "imageDigest": "sha256:" + "1" * 64}]
    faults.add(account, faults.Rule("aws:ecr/image:Image", "read", "fail"))
    with pytest.raises(ClientError) as caught:
        client("ecr").describe_images(**asked)
    assert caught.value.response["Error"]["Code"] == "ImageNotFoundException"
