"""A plan says in words what changes: the mode, the URL, who reaches what, who may do what, what is lost, what stops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from automation.plan import Plan, build
from automation.plan.remarks import Gravity, Quoted, listed, remarks
from tests.automation import events
from tests.automation.events import UNKNOWN, replacement, step

FUNCTION = "aws:lambda/function:Function"
DATABASE = "aws:rds/instance:Instance"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
WORLD = {"cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22, "ipProtocol": "tcp"}
OFFICE = {**WORLD, "cidrIpv4": "10.0.0.0/8"}


def said(plan: Plan) -> dict[str, str]:
    """Return each sentence with its gravity."""
    return {remark.text: remark.gravity.value for remark in remarks(plan)}


def of(*found: dict[str, Any]) -> dict[str, str]:
    return said(build("prod", [*found, events.summary()]))


def stack(**services: str) -> dict[str, Any]:
    facts = {name: {"compute": compute, "url": "https://a"} for name, compute in services.items()}
    return {"mode": "container", "url": "https://a", "services": facts}


def test_a_mode_switch_says_what_moves_what_it_means_and_what_stays() -> None:
    (sentence,) = [text for text in said(events.plan_of("switch")) if text.startswith("Mode")]
    for part in (
        "Mode changes from serverless to container.",
        "netprobe moves from Lambda to Fargate.",
        "billed by the hour instead of by the request",
        "Requests move over once the new side is ready.",
        "The URL stays.",
        "Nothing that holds data is replaced or deleted.",
    ):
        assert part in sentence


def test_of_a_failed_preview_nobody_says_what_stays() -> None:
    plan = build("dev", [*events.recorded("switch")[:-1], events.summary("failed")])
    assert not any("stays" in text or "Nothing that holds" in text for text in said(plan))


def test_a_first_deployment_says_what_runs_where() -> None:
    assert "First deployment, in mode serverless: netprobe on Lambda." in said(events.plan_of("first"))


def test_one_service_may_move_alone() -> None:
    texts = of(events.outputs(stack(a="lambda", b="fargate"), stack(a="fargate", b="fargate")))
    assert any(text.startswith("a moves from Lambda to Fargate.") for text in texts)


RULE = "aws:lb/listenerRule:ListenerRule"
FARGATE = {"compute": "fargate", "traffic": {"fargate": 100}}


def on_its_way(step_: int, *, mode: str = "serverless", **traffic: int) -> dict[str, Any]:
    facts = {"compute": "lambda" if mode == "serverless" else "fargate", "traffic": traffic, "step": step_}
    return {"mode": mode, "url": "https://a", "services": {"netprobe": facts}}


def test_the_begin_of_a_shift_says_who_stands_beside_whom_and_what_moves() -> None:
    before = {"mode": "serverless", "url": "https://a", "services": {"netprobe": {"compute": "lambda"}}}
    stays = "The URL stays. Nothing that holds data is replaced or deleted."
    texts = of(events.outputs(before, on_its_way(1, **{"lambda": 100, "fargate": 0})))
    assert f"A shift of netprobe begins: Fargate beside Lambda. No traffic moves. {stays}" in texts
    texts = of(events.outputs(before, on_its_way(1, **{"lambda": 90, "fargate": 10})))
    assert f"A shift of netprobe begins: Fargate beside Lambda. 0 % → 10 % on Fargate. {stays}" in texts


def test_a_step_of_a_shift_says_how_much_moves_and_by_what() -> None:
    rule = step("update", RULE, "prod-netprobe", old={"priority": 1}, new={"priority": 1, "tags": {"a": "b"}})
    moved = events.outputs(
        on_its_way(2, **{"lambda": 90, "fargate": 10}), on_its_way(3, **{"lambda": 50, "fargate": 50})
    )
    assert of(rule, moved)["Traffic of netprobe: 10 % → 50 % on Fargate (listener rule changed in place)."] == "warning"
    assert "Traffic of netprobe: 10 % → 50 % on Fargate." in of(moved)
    back = events.outputs(
        on_its_way(3, **{"lambda": 50, "fargate": 50}), on_its_way(4, **{"lambda": 100, "fargate": 0})
    )
    assert "Traffic of netprobe: 50 % → 100 % on Lambda." in of(back)


def test_the_end_of_a_shift_is_no_move_of_the_mode() -> None:
    after = {"mode": "container", "url": "https://a", "services": {"netprobe": FARGATE}}
    texts = of(events.outputs(on_its_way(4, **{"lambda": 0, "fargate": 100}), after))
    ends = [text for text in texts if text.startswith("The shift of netprobe ends: Lambda goes. No traffic moves.")]
    assert len(ends) == 1
    assert "Mode changes from serverless to container. No request moves with it." in texts
    assert not any("netprobe moves from" in text for text in texts)


def test_a_shift_that_stands_still_says_nothing() -> None:
    same = on_its_way(2, **{"lambda": 90, "fargate": 10})
    assert not any("netprobe" in text for text in of(events.outputs(same, same)))


KINDS = ("http-api", "rest-api", "alb")


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in KINDS for new in KINDS if old != new])
@pytest.mark.parametrize("after", [UNKNOWN, "https://b"])
def test_another_kind_of_front_door_moves_the_url(old: str, new: str, after: str) -> None:
    texts = of(events.outputs({"url": "https://a", "frontDoor": old}, {"url": after, "frontDoor": new}))
    sentence = f"The front door changes from {old} to {new}, and the URL moves with it: the stack has no domain."
    assert texts[sentence] == "danger"
    assert any("https://a" in text and text.startswith("The URL") for text in texts)


def test_a_domain_keeps_the_url_when_the_front_door_changes() -> None:
    named = {"url": "https://api.example.com"}
    texts = of(events.outputs({**named, "frontDoor": "http-api"}, {**named, "frontDoor": "rest-api"}))
    assert [text for text in texts if "domain" in text or text.startswith("The URL")] == []
    (sentence,) = texts
    assert sentence.startswith("The front door changes from http-api to rest-api; its name keeps the URL")


@pytest.mark.parametrize(
    "shares", [{"compute": "fargate"}, {"compute": "lambda", "traffic": {"lambda": 90, "fargate": 10}}]
)
def test_a_front_door_changes_alone(shares: dict[str, Any]) -> None:
    alone = {"compute": "lambda", "traffic": {"lambda": 100}}
    before, after = ({"url": "https://a", "services": {"n": facts}} for facts in (alone, shares))
    doors = ({"frontDoor": "http-api"}, {"frontDoor": "rest-api"})
    both = of(events.outputs({**before, **doors[0]}, {**after, **doors[1]}))
    assert [level for text, level in both.items() if "update of its own" in text] == ["danger"]
    for one in (of(events.outputs(before, after)), of(events.outputs({**before, **doors[0]}, {**before, **doors[1]}))):
        assert not any("update of its own" in text for text in one)


def test_a_new_deployment_of_an_api_is_how_it_changes() -> None:
    texts = of(*replacement("aws:apigateway/deployment:Deployment", "dev-front-door"))
    assert any("a new revision, met by callers when its stage turns to it" in text for text in texts), texts


def test_services_that_come_and_go_are_named() -> None:
    texts = of(events.outputs(stack(a="lambda", b="lambda"), stack(a="lambda", c="lambda")))
    assert texts["Removed: b. Nothing answers at their paths."] == "warning"
    assert texts["New: c."] == "note"


@pytest.mark.parametrize(
    ("after", "more", "gravity", "words"),
    [
        ("https://b", [], "danger", "The URL changes from https://a to https://b; the old one stops answering."),
        (UNKNOWN, [step("delete", "aws:apigatewayv2/api:Api")], "danger", "The URL changes: https://a stops answering"),
        (UNKNOWN, [], "warning", "The URL may change"),
    ],
)
def test_a_url_that_moves_is_named(after: str, more: list[Any], gravity: str, words: str) -> None:
    texts = of(events.outputs({"url": "https://a"}, {"url": after}), *more)
    assert [texts[text] for text in texts if text.startswith(words)] == [gravity]


@pytest.mark.parametrize(
    ("token", "closed", "opened", "words"),
    [
        (INGRESS, OFFICE, WORLD, "lets the whole internet in on port 22"),
        (INGRESS, OFFICE, {**WORLD, "cidrIpv4": None, "cidrIpv6": "::/0"}, "lets the whole internet in on port 22"),
        (INGRESS, OFFICE, {**WORLD, "ipProtocol": "-1"}, "lets the whole internet in on every port"),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {"ingress": []},
            {"ingress": [{"protocol": "tcp", "fromPort": 80, "toPort": 90, "cidrBlocks": ["0.0.0.0/0"]}]},
            "lets the whole internet in on ports 80 to 90",
        ),
        (
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            {"type": "egress", "protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["0.0.0.0/0"]},
            {"type": "ingress", "protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["0.0.0.0/0"]},
            "lets the whole internet in on port 80",
        ),
        ("aws:lb/loadBalancer:LoadBalancer", {"internal": True}, {"internal": False}, "faces the internet"),
        (DATABASE, {"publiclyAccessible": False}, {"publiclyAccessible": True}, "has a public address"),
        (
            "aws:lambda/functionUrl:FunctionUrl",
            {"authorizationType": "AWS_IAM"},
            {"authorizationType": "NONE"},
            "lets anybody call its function, without signing in",
        ),
        (
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True),
            {"blockPublicAcls": True},
            "lets its bucket be opened to the public",
        ),
        ("aws:s3/bucketAcl:BucketAcl", {"acl": "private"}, {"acl": "public-read"}, "opens its bucket to the public"),
        (
            "aws:lambda/permission:Permission",
            {"principal": "a"},
            {"principal": "*"},
            "lets any AWS account call its function",
        ),
        (
            "aws:eks/cluster:Cluster",
            {"vpcConfig": {"endpointPublicAccess": False}},
            {"vpcConfig": {"endpointPublicAccess": True}},
            "has a control plane that the whole internet reaches",
        ),
        (
            "aws:apigateway/restApi:RestApi",
            {"endpointConfiguration": {"types": "PRIVATE"}},
            {"endpointConfiguration": {"types": "REGIONAL"}},
            "answers the internet at its own address",
        ),
    ],
)
def test_what_opens_and_what_closes_is_named(
    token: str, closed: Mapping[str, Any], opened: Mapping[str, Any], words: str
) -> None:
    kind = token.rsplit(":", 1)[-1]
    assert f"{kind} x {words}." in of(step("update", token, "x", old=closed, new=opened))
    assert f"{kind} x {words}." in of(step("create", token, "x", new=opened))
    assert f"{kind} x no longer {words}." in of(step("update", token, "x", old=opened, new=closed))
    assert f"{kind} x no longer {words}." in of(step("delete", token, "x", old=opened))
    assert not any(words in text for text in of(step("update", token, "x", old=opened, new={**opened, "tags": {}})))


def test_who_reaches_it_may_not_be_known() -> None:
    texts = of(step("create", INGRESS, "x", new={**WORLD, "cidrIpv4": UNKNOWN}))
    assert "SecurityGroupIngressRule x: who reaches it is known after apply." in texts


def policy(*actions: str, resource: str = "arn:a", **more: Any) -> dict[str, str]:
    return {
        "policy": json.dumps(
            {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}]}
        )
    }


def test_permissions_that_widen_and_narrow_are_named() -> None:
    old, new = policy("s3:GetObject", "s3:ListBucket"), policy("s3:GetObject", "s3:PutObject")
    texts = of(step("update", ROLE_POLICY, "x", old=old, new=new))
    assert texts["RolePolicy x newly allows s3:PutObject on arn:a."] == "warning"
    assert texts["RolePolicy x no longer allows s3:ListBucket on arn:a."] == "note"


def test_the_same_permissions_in_other_words_are_no_change() -> None:
    old = policy("s3:GetObject", "s3:PutObject")
    new = {
        "policy": json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Action": "s3:PutObject", "Resource": ["arn:a"]},
                    {"Effect": "Allow", "Action": "S3:getobject", "Resource": "arn:a"},
                ]
            }
        )
    }
    assert not any("allows" in text for text in of(step("update", ROLE_POLICY, "x", old=old, new=new)))


def test_a_wildcard_that_covers_what_was_there_only_widens() -> None:
    texts = of(step("update", ROLE_POLICY, "x", old=policy("s3:GetObject"), new=policy("s3:Get*")))
    assert [text for text in texts if "allows" in text] == ["RolePolicy x newly allows s3:Get* on arn:a."]


def test_everything_is_a_danger() -> None:
    texts = of(step("update", ROLE_POLICY, "x", old=policy("s3:GetObject"), new=policy("*", resource="*")))
    assert texts["RolePolicy x newly allows * on *."] == "danger"


def test_a_bucket_open_to_anybody_is_a_danger_unless_something_is_asked() -> None:
    token = "aws:s3/bucketPolicy:BucketPolicy"
    asked = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    open_to_all = of(step("create", token, "x", new=policy("s3:GetObject", Principal="*")))
    assert open_to_all["BucketPolicy x allows s3:GetObject on arn:a to *."] == "danger"
    with_condition = of(step("create", token, "x", new=policy("s3:GetObject", Principal="*", **asked)))
    assert with_condition["BucketPolicy x allows s3:GetObject on arn:a to * under a condition."] == "note"


def test_lifting_a_refusal_widens() -> None:
    refusing = {"policy": json.dumps({"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:a"}]})}
    nothing = {"policy": json.dumps({"Statement": []})}
    lifted = of(step("update", ROLE_POLICY, "x", old=refusing, new=nothing))
    assert lifted["RolePolicy x no longer refuses s3:* on arn:a."] == "warning"
    assert (
        of(step("update", ROLE_POLICY, "x", old=nothing, new=refusing))["RolePolicy x newly refuses s3:* on arn:a."]
        == "note"
    )


def test_permissions_nobody_knows_yet_are_said_to_be_unknown() -> None:
    texts = of(*(step("create", ROLE_POLICY, name, new={"policy": UNKNOWN}) for name in ("x", "y")))
    assert "The permissions in x and y are known after apply." in texts


def test_managed_policies_are_named() -> None:
    token, admin = "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "arn:aws:iam::aws:policy/AdministratorAccess"
    assert (
        of(step("create", token, "x", new={"policyArn": admin}))[f"RolePolicyAttachment x attaches {admin}."]
        == "warning"
    )


@pytest.mark.parametrize("op", ["delete", "replace"])
def test_data_that_goes_is_a_danger_unless_it_is_kept(op: str) -> None:
    texts = of(step(op, DATABASE, "x", keys=["engine"] if op == "replace" else None))
    cause = " because of engine" if op == "replace" else ""
    assert texts[f"Instance x is {op}d{cause}, and the data goes with it."] == "danger"
    kept = {"retainOnDelete": True}
    assert "danger" not in of(step(op, DATABASE, "x", old_state=kept, new_state=kept)).values()


def test_logs_and_messages_that_go_are_named() -> None:
    texts = of(*(step("delete", "aws:sqs/queue:Queue", name) for name in ("a", "b")))
    assert texts["Queues a and b: the messages waiting in them are deleted too."] == "warning"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"deletionProtection": True}, {"deletionProtection": False}, "can be deleted from now on"),
        ({"backupRetentionPeriod": 7}, {"backupRetentionPeriod": 0}, "is no longer backed up"),
        ({"skipFinalSnapshot": False}, {"skipFinalSnapshot": True}, "leaves no snapshot behind from now on"),
        ({"pointInTimeRecovery": {"enabled": True}}, {"pointInTimeRecovery": {"enabled": False}}, "put back"),
    ],
)
def test_a_guard_that_is_lowered_is_named(old: Mapping[str, Any], new: Mapping[str, Any], words: str) -> None:
    assert any(words in text for text in of(step("update", DATABASE, "x", old=old, new=new)))
    assert not any(words in text for text in of(step("update", DATABASE, "x", old=new, new=old)))


def test_protection_by_the_engine_that_goes_is_named() -> None:
    texts = of(step("same", DATABASE, "x", old_state={"protect": True}))
    assert texts["Instance x is no longer protected by the engine."] == "warning"


@pytest.mark.parametrize("token", [DATABASE, FUNCTION, "aws:lb/loadBalancer:LoadBalancer"])
def test_a_gap_in_a_replacement_is_a_danger(token: str) -> None:
    gap = [
        text
        for text, how in of(*replacement(token, "x", first="delete")).items()
        if "in between" in text and how == "danger"
    ]
    assert len(gap) == 1
    assert not any("in between" in text for text in of(*replacement(token, "x")))


@pytest.mark.parametrize(
    ("token", "old", "new", "words"),
    [
        (DATABASE, {"instanceClass": "a"}, {"instanceClass": "b"}, "restarts"),
        ("aws:ecs/service:Service", {"desiredCount": 1}, {"desiredCount": 0}, "scaled to nothing"),
        (FUNCTION, {"reservedConcurrentExecutions": 5}, {"reservedConcurrentExecutions": 0}, "refuses every call"),
    ],
)
def test_what_stops_without_being_replaced_is_named(
    token: str, old: Mapping[str, Any], new: Mapping[str, Any], words: str
) -> None:
    assert any(words in text and how == "warning" for text, how in of(step("update", token, old=old, new=new)).items())


def test_replacements_are_told_by_cause_and_what_follows_is_counted() -> None:
    texts = said(events.plan_of("network"))
    assert any(text.startswith("Vpc dev-network is replaced because of cidrBlock:") for text in texts)
    assert any(text.startswith("4 Subnets:") and "because of cidrBlock and vpcId" in text for text in texts)
    assert "14 more resources are replaced only because of what they depend on." in texts


def test_deletions_are_told_by_component() -> None:
    texts = said(events.plan_of("switch"))
    assert texts["LambdaService dev-netprobe is deleted, with 11 resources in it."] == "warning"


def test_changes_in_place_are_told_with_their_values_and_tags_once() -> None:
    texts = said(events.plan_of("settings"))
    assert "Tag Owner changes from platform to apps on 26 resources." in texts
    assert any("memorySize changes from 1024 to 2048" in text for text in texts)


def test_new_code_is_told() -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:"
    old, new = {"imageUri": image + "0" * 64}, {"imageUri": image + "1" * 64}
    assert "x gets another image: app@sha256:000000000000 → app@sha256:111111111111." in of(
        step("update", FUNCTION, "x", old=old, new=new)
    )
    assert "x gets new code." in of(
        step("update", FUNCTION, "x", old={"sourceCodeHash": "a"}, new={"sourceCodeHash": "b"})
    )


def test_the_gravest_comes_first() -> None:
    order = [remark.gravity for remark in remarks(events.plan_of("front-door"))]
    assert order == sorted(order, key=list(Gravity).index)
    assert order[0] is Gravity.DANGER


def test_no_change_has_nothing_to_say() -> None:
    assert remarks(events.plan_of("same")) == []


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abcdefgh"), "a, b, c, d, e, f and 2 more")],
)
def test_lists_read_as_people_write_them(names: list[str], text: str) -> None:
    assert "".join(listed(names)) == text
    assert all(isinstance(word, Quoted) for word in listed(names) if word in names)
