"""REST APIs are made of a document, and callers meet a deployment of it that nothing changes any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sandbox.control.errors import Refusal

if TYPE_CHECKING:
    from tests.sandbox.conftest import Cloud, Made

API = "aws:apigateway/restApi:RestApi"
DEPLOYMENT = "aws:apigateway/deployment:Deployment"
STAGE = "aws:apigateway/stage:Stage"
GREEDY = {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": {"type": "mock"}}}


def body(*methods: object) -> str:
    return json.dumps({"openapi": "3.0.1", "paths": {f"/{at}": method for at, method in enumerate(methods)}})


@pytest.fixture
def api(cloud: Cloud) -> Made:
    return cloud.create(API, "a", body=body(GREEDY))


def test_a_stage_is_reached_below_its_name(cloud: Cloud, api: Made) -> None:
    deployment = cloud.create(DEPLOYMENT, "d", restApi=api.id)
    stage = cloud.create(STAGE, "s", restApi=api.id, deployment=deployment.id, stageName="live")
    assert stage.outputs["invokeUrl"] == f"https://{api.id}.execute-api.us-east-1.amazonaws.com/live"


def test_a_deployment_that_a_stage_points_to_stays(cloud: Cloud, api: Made) -> None:
    old, new = (cloud.create(DEPLOYMENT, name, restApi=api.id, triggers={"n": name}) for name in ("old", "new"))
    stage = cloud.create(STAGE, "s", restApi=api.id, deployment=old.id, stageName="live")
    with pytest.raises(Refusal):
        cloud.delete(old)
    cloud.update(stage, deployment=new.id)
    cloud.delete(old)


def test_another_definition_changes_the_api_in_place_and_replaces_the_deployment(cloud: Cloud, api: Made) -> None:
    deployment = cloud.create(DEPLOYMENT, "d", restApi=api.id, triggers={"definition": "1"})
    assert not cloud.diff(api, body=body(GREEDY, GREEDY)).replaces
    assert cloud.diff(deployment, triggers={"definition": "2"}).replaces


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (body(), "doesn't contain any methods"),
        (body({"get": {}}), "No integration defined for method"),
    ],
)
def test_nothing_is_deployed_that_answers_nothing(cloud: Cloud, document: str, says: str) -> None:
    api = cloud.create(API, "a", body=document)
    with pytest.raises(Refusal, match=says):
        cloud.create(DEPLOYMENT, "d", restApi=api.id)


@pytest.mark.parametrize("document", ["openapi", "[]", '{"paths": []}', '{"paths": {"/": 1}}'])
def test_a_definition_that_is_none_is_refused(cloud: Cloud, api: Made, document: str) -> None:
    with pytest.raises(Refusal, match="Unable to parse API definition"):
        cloud.update(api, body=document)


def test_a_newer_security_policy_asks_for_an_access_mode(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="access mode"):
        cloud.create(API, "a", securityPolicy="SecurityPolicy_TLS13_1_2_2021_06")


def test_a_name_is_mapped_to_a_rest_api(cloud: Cloud, api: Made) -> None:
    deployment = cloud.create(DEPLOYMENT, "d", restApi=api.id)
    cloud.create(STAGE, "s", restApi=api.id, deployment=deployment.id, stageName="live")
    certificate = cloud.create("aws:acm/certificate:Certificate", "c", domainName="a.example", validationMethod="DNS")
    configuration = {
        "certificateArn": certificate.outputs["arn"],
        "endpointType": "REGIONAL",
        "securityPolicy": "TLS_1_2",
    }
    name = cloud.create(
        "aws:apigatewayv2/domainName:DomainName", "n", domainName="a.example", domainNameConfiguration=configuration
    )
    mapping = {"apiId": api.id, "domainName": name.id}
    cloud.create("aws:apigatewayv2/apiMapping:ApiMapping", "m", stage="live", **mapping)
    with pytest.raises(Refusal):
        cloud.create("aws:apigatewayv2/apiMapping:ApiMapping", "n", stage="other", apiMappingKey="x", **mapping)
