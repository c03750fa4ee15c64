"""What a REST API does itself before a service gets a request: keys, bodies, caches, and its own refusals."""

from __future__ import annotations

import json
from typing import Any, cast

import botocore.session
import pulumi
from jsonschema import Draft4Validator

from components.rest_definition import BINARY_TYPES, Gate, Operation, RestRoute, cached, definition, validates
from components.service import LambdaTarget

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
BODY = {"type": "object", "required": ["source"], "properties": {"source": {"type": "string"}}}
ANALYZE = Operation(method="POST", path="/analyze", body=BODY)
RESULT = Operation(method="GET", path="/results/{hash}", query=["rules"], cache_seconds=300)


def route(**gate: Any) -> RestRoute:
    # Plain text stands for what a program would know later.
    said = cast("pulumi.Output[str]", "said")
    target = LambdaTarget(function_name=said, alias_name=said, alias_arn=said, invoke_arn=said)
    return RestRoute(name="dev-contracts", path="/contracts", target=target, timeout=28, gate=Gate(**gate))


def document(*routes: RestRoute) -> dict[str, Any]:
    found: Any = definition("dev", routes)
    return found


def test_without_a_gate_requests_are_handed_on_unread() -> None:
    found = document(route())
    assert found["paths"].keys() == {"/contracts", "/contracts/{proxy+}"}
    assert all(item.keys() == {ANY} for item in found["paths"].values())
    assert "security" not in json.dumps(list(found["paths"].values()), default=str)
    assert not validates([route()])


def test_a_key_is_asked_for_everywhere_but_when_a_browser_asks_for_permission() -> None:
    found = document(route(needs_key=True, operations=[ANALYZE]))
    assert found["components"]["securitySchemes"] == {
        "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}
    }
    assert found["x-amazon-apigateway-api-key-source"] == "HEADER"
    for path, item in found["paths"].items():
        assert "security" not in item.pop("options"), path
        assert all(method["security"] == [{"api_key": []}] for method in item.values()), path


def test_a_body_is_held_to_its_schema_before_the_service_is_asked() -> None:
    found = document(route(operations=[ANALYZE]))
    post = found["paths"]["/contracts/analyze"]["post"]
    validator = post["x-amazon-apigateway-request-validator"]
    assert found["x-amazon-apigateway-request-validators"][validator]["validateRequestBody"] is True
    reference = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    name = reference.removeprefix("#/components/schemas/")
    assert name.isalnum(), "API Gateway takes no other name of a model"
    schema = found["components"]["schemas"][name]
    Draft4Validator.check_schema(schema)
    assert Draft4Validator(schema).is_valid({"source": "contract C {}"})
    assert not Draft4Validator(schema).is_valid({})
    assert validates([route(operations=[ANALYZE])])
    assert "application/json" not in BINARY_TYPES


def test_other_methods_of_a_path_that_is_looked_at_reach_the_service_too() -> None:
    assert document(route(operations=[ANALYZE]))["paths"]["/contracts/analyze"].keys() == {ANY, "post"}


def test_an_answer_is_remembered_by_all_that_it_depends_on() -> None:
    get = document(route(operations=[RESULT]))["paths"]["/contracts/results/{hash}"]["get"]
    assert [(each["name"], each["in"]) for each in get["parameters"]] == [("hash", "path"), ("rules", "query")]
    assert get[INTEGRATION]["cacheKeyParameters"] == ["method.request.path.hash", "method.request.querystring.rules"]
    assert list(cached([route(operations=[ANALYZE, RESULT])])) == [("contracts/results/{hash}/GET", 300)]


def test_the_order_of_routes_changes_nothing() -> None:
    first, second = route(operations=[ANALYZE, RESULT]), route(operations=[RESULT, ANALYZE])
    assert json.dumps(document(first), sort_keys=True, default=str) == json.dumps(
        document(second), sort_keys=True, default=str
    )


def test_what_the_api_refuses_itself_looks_like_every_other_error() -> None:
    known = botocore.session.get_session().get_service_model("apigateway").shape_for("GatewayResponseType").enum
    refusals = document(route())["x-amazon-apigateway-gateway-responses"]
    assert {"BAD_REQUEST_BODY", "INVALID_API_KEY", "QUOTA_EXCEEDED", "THROTTLED", "WAF_FILTERED"} <= refusals.keys()
    for kind, said in refusals.items():
        assert kind in known
        problem = json.loads(said["responseTemplates"]["application/json"])
        assert problem["status"] == said["statusCode"]
        assert problem.keys() == {"type", "title", "status", "detail", "request_id"}
        assert said["responseParameters"] == {"gatewayresponse.header.Content-Type": "'application/problem+json'"}
