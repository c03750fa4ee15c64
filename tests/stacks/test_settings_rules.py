"""Every rule refuses what it is about, says what is allowed, and lets the neighbouring value through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stacks.errors import Problem
from stacks.load import Resolved

Accepted = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-AbCdEf"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/ours/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
IMAGE = "registry:5000/team/app@sha256:" + "0" * 64
PUBLIC = {"compute": "fargate", "placement": "public"}
HALF = {"lambda": 50, "fargate": 50}


def one(**service: object) -> dict[str, object]:
    return {"netprobe": {"route": "/", **service}}


# setting, value, key of the problem, part of the reason, part of what is allowed or proposed
REFUSALS: list[tuple[str, object, str, str, str]] = [
    # form
    ("netwrk", {"nat": "single"}, "netwrk", "no such setting", "network"),
    ("log_retention_days", 7, "log_retention_days", "no such setting", "logRetentionDays"),
    ("mode", "serverles", "mode", "not serverless or container", "serverless"),
    ("mode", 5, "mode", "not serverless or container", "serverless | container"),
    ("account", "12345", "account", "not 12 digits", "12 digits"),
    ("logRetentionDays", "week", "logRetentionDays", "text; a whole number is wanted", "whole number"),
    ("customerKey", "yes", "customerKey", "not true or false", "true"),
    ("network", {"azs": "two"}, "network.azs", "text; a whole number is wanted", "2 to 3"),
    ("network", {"azs": 4}, "network.azs", "out of range", "2 to 3"),
    ("network", {"azs": 2.5}, "network.azs", "a fraction; a whole number", "2 to 3"),
    ("network", {"azs": None}, "network.azs", "empty; a whole number", "2 to 3"),
    ("network", {"nat": "singel"}, "network.nat", "not none, single or per-az", "single"),
    ("network", "10.0.0.0/16", "network", "text; a block of settings", "cidr"),
    ("network", {"endpoints": "ecr.api"}, "network.endpoints", "text; a list", "list"),
    ("network", {"endpoints": [5]}, "network.endpoints[0]", "a whole number; text", "text"),
    ("container", {"exec": "on"}, "container.exec", "not true or false", "true"),
    (
        "container",
        {"insights": "enhancd", "placement": "public"},
        "container.insights",
        "not disabled, enabled or enhanced",
        "enhanced",
    ),
    ("throttle", {"rate": 0}, "throttle.rate", "out of range", "above 0"),
    ("domain", {"name": "api.example.com"}, "domain.zone", "not set", "text"),
    ("services", [], "services", "a list; a block of settings", "block"),
    ("services", {"netprobe": "x"}, "services.netprobe", "text; a block", "route"),
    ("services", {"users": {"size": {}}}, "services.users.route", "not set", "text"),
    ("services", one(env={"A": 1}), "services.netprobe.env.A", "a whole number; text (in quotes", "text"),
    (
        "services",
        one(shift={"step": 1, "weights": {"lamda": 100}}),
        "services.netprobe.shift.weights.lamda",
        "not a name",
        "lambda",
    ),
    ("services", one(shift={"weights": {}}), "services.netprobe.shift.step", "not set", "1 or more"),
    ("services", one(shift={"step": 0, "weights": HALF}), "services.netprobe.shift.step", "out of range", "1 or more"),
    ("services", one(weights=HALF), "services.netprobe.weights", "elsewhere", "modeshift:services.NAME.shift.weights"),
    (
        "services",
        one(scaling={"steps": [{"change": 1}]}),
        "services.netprobe.scaling.steps[0].cpuPercent",
        "not set",
        "1 to 100",
    ),
    # a key of the other mode's block, or of another place
    ("serverless", {"placement": "public"}, "serverless.placement", "belongs to mode container", "container.placement"),
    (
        "container",
        {"snapStart": True, "placement": "public"},
        "container.snapStart",
        "belongs to mode serverless",
        "serverless.snapStart",
    ),
    ("services", one(snapStart=True), "services.netprobe.snapStart", "elsewhere", "modeshift:serverless.snapStart"),
    ("services", one(compute="fargate"), "services.netprobe.compute", "belongs to mode container", "lambda"),
    (
        "services",
        one(mode="container", compute="lambda", image=IMAGE),
        "services.netprobe.compute",
        "belongs to mode serverless",
        "fargate",
    ),
    ("container", {"compute": "lambda"}, "container.compute", "belongs to mode serverless", "fargate"),
    # stack
    ("logRetentionDays", 31, "logRetentionDays", "not a period", "30"),
    ("tags", {"aws:team": "x"}, "tags.aws:team", "reserved", "another"),
    ("tags", {"AWS:team": "x"}, "tags.AWS:team", "reserved", "another"),
    ("tags", {"modeshift:x": "x"}, "tags.modeshift:x", "reserved", "another"),
    ("tags", {"Owner": "me"}, "tags.Owner", "setting of its own", "modeshift:owner"),
    ("tags", {"a" * 129: "x"}, f"tags.{'a' * 129}", "not a tag key", "128"),
    ("tags", {"a": "x" * 257}, "tags.a", "not a tag value", "256"),
    ("tags", {f"k{n}": "x" for n in range(45)}, "tags", "50 tags", "44"),
    ("owner", "", "owner", "cannot be the value of a tag", "256"),
    ("maskPatterns", ["ok", "(x"], "maskPatterns[1]", "not a regular expression", "Python's"),
    ("maskPatterns", ["x*"], "maskPatterns[0]", "matches where there is nothing", "at least one"),
    ("image", "ecr/app:latest", "image", "a tag can move", "@sha256:"),
    ("image", "ecr/app:v1@sha256:" + "0" * 64, "image", "a tag can move", "without a tag"),
    ("services", one(image="app:1"), "services.netprobe.image", "a tag can move", "@sha256:"),
    # front door
    ("webAcl", WEB_ACL, "webAcl", "WAF cannot attach to an HTTP API", "rest-api or alb"),
    ("domain", {"name": "API_1.example.com", "zone": "example.com"}, "domain.name", "not a DNS name", "lower case"),
    (
        "domain",
        {"name": "api.example.org", "zone": "example.com"},
        "domain.name",
        "not inside the zone",
        ".example.com",
    ),
    ("domain", {"name": "badexample.com", "zone": "example.com"}, "domain.name", "not inside the zone", ".example.com"),
    ("services", one(timeout=30), "services.netprobe.timeout", "gives up before", "29"),
    # network
    ("network", {"cidr": "10.0.0.0"}, "network.cidr", "/32 is too narrow", "10.0.0.0/22"),
    ("network", {"cidr": "ten"}, "network.cidr", "not an IPv4 block", "/16 to /22"),
    ("network", {"cidr": "52.20.0.0/16"}, "network.cidr", "public addresses", "10.0.0.0/8"),
    ("network", {"cidr": "172.32.0.0/16"}, "network.cidr", "public addresses", "172.16.0.0/12"),
    ("network", {"cidr": "10.0.0.0/15"}, "network.cidr", "/15 is too wide", "10.0.0.0/16"),
    ("network", {"cidr": "10.0.0.0/23"}, "network.cidr", "/23 is too narrow", "10.0.0.0/22"),
    ("network", {"cidr": "10.0.1.0/16"}, "network.cidr", "not the first address", "10.0.0.0/16"),
    ("network", {"peers": ["10.20.128.0/17"]}, "network.cidr", "overlaps 10.20.128.0/17", "of its own"),
    ("network", {"peers": ["office"]}, "network.peers[0]", "not an IPv4 block", "10.60.0.0/16"),
    ("network", {"endpoints": ["logs", "s3"]}, "network.endpoints[1]", "free gateway endpoint", "remove"),
    ("network", {"endpoints": ["ecr.drk"]}, "network.endpoints[0]", "no service with an interface", "ecr.dkr"),
    ("network", {"endpoints": ["logs", "logs"]}, "network.endpoints[1]", "twice", "remove"),
    # modes' blocks
    ("serverless", {"snapStart": True, "provisionedConcurrency": 1}, "serverless.snapStart", "not both", "provisioned"),
    (
        "serverless",
        {"provisionedConcurrency": 5, "reservedConcurrency": 4},
        "serverless.provisionedConcurrency",
        "more than the 4",
        "0 to 4",
    ),
    # routes and names
    ("services", {}, "services", "deploys nothing", "netprobe"),
    ("services", {"users": {"route": "/users"}}, "services", "no service owns the path /", "/"),
    ("services", one() | {"b": {"route": "/"}}, "services.b.route", "owned by netprobe", "one owner"),
    ("services", one() | {"b": {"route": "users/"}}, "services.b.route", "not a path prefix", "/users"),
    ("services", one() | {"b": {"route": "/a b"}}, "services.b.route", "not a path prefix", "/one/more"),
    ("services", {"Net_Probe": {"route": "/"}}, "services.Net_Probe", "not a name that AWS", "lower-case"),
    ("services", {"a" * 21: {"route": "/"}}, f"services.{'a' * 21}", "has 25 characters", "at most 20"),
    # sizes
    ("services", one(size={"memory": 127}), "services.netprobe.size.memory", "less than Lambda", "128"),
    ("services", one(size={"memory": 10241}), "services.netprobe.size.memory", "more than Lambda", "10240"),
    ("services", one(size={"cpu": 300}), "services.netprobe.size.cpu", "not a cpu that Fargate offers", "256"),
    ("services", one(size={"cpu": 512, "memory": 700}), "services.netprobe.size.memory", "does not pair", "1024"),
    # scaling
    ("services", one(scaling={"min": 5, "max": 2}), "services.netprobe.scaling.min", "more than the most", "0 to 2"),
    ("services", one(scaling={"min": 4}), "services.netprobe.scaling.min", "(4) are more than the most (3)", "0 to 3"),
    (
        "services",
        one(scaling={"steps": [{"cpuPercent": 80, "change": 1}, {"cpuPercent": 80, "change": 2}]}),
        "services.netprobe.scaling.steps[1].cpuPercent",
        "does not rise",
        "rising",
    ),
    # environment and secrets
    ("services", one(env={"PORT": "80"}), "services.netprobe.env.PORT", "set by the platform", "another"),
    ("services", one(env={"AWS_REGION": "x"}), "services.netprobe.env.AWS_REGION", "set by the platform", "another"),
    ("services", one(env={"MY-VAR": "x"}), "services.netprobe.env.MY-VAR", "not a name", "letters"),
    ("services", one(env={"A": "x" * 4096}), "services.netprobe.env", "Lambda takes 4096", "4096"),
    ("services", one(secrets={"HEALTH_PATH": ARN}), "services.netprobe.secrets.HEALTH_PATH", "platform", "another"),
    ("services", one(env={"A": "x"}, secrets={"A": ARN}), "services.netprobe.secrets.A", "in env as well", "keep one"),
    (
        "services",
        one(secrets={"A": "db-password"}),
        "services.netprobe.secrets.A",
        "not a reference",
        "arn:aws:secrets",
    ),
    ("services", one(secrets={"A": ARN + ":KEY"}), "services.netprobe.secrets.A", "not a reference", ":<key>::"),
]


@pytest.mark.parametrize(("setting", "value", "key", "why", "offer"), REFUSALS)
def test_it_is_refused_alone_and_with_a_way_out(  # noqa: PLR0917
    refused: Refused, setting: str, value: object, key: str, why: str, offer: str
) -> None:
    problems = refused(**{setting: value})

    assert list(problems) == [f"modeshift:{key}"]
    problem = problems[f"modeshift:{key}"]
    assert why in problem.why
    assert offer in f"{problem.allowed} {problem.nearest} {problem.fix}"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("account", "012345678901"),
        ("account", 123456789012),
        ("logRetentionDays", 3653),
        ("tags", {f"k{n}": "x" * 256 for n in range(44)}),
        ("domain", {"name": "example.com", "zone": "example.com"}),
        ("maskPatterns", ["acct-[0-9]+"]),
        ("network", {"cidr": "172.31.252.0/22", "azs": 3, "peers": ["10.20.0.0/16", "172.31.248.0/22"]}),
        ("network", {"endpoints": ["ecr.api", "bedrock-runtime"]}),
        ("serverless", {"snapStart": True, "reservedConcurrency": 0}),
        ("serverless", {"provisionedConcurrency": 4, "reservedConcurrency": 4}),
        ("services", {"netprobe": None}),
        ("services", {"a" * 20: {"route": "/"}}),
        ("services", one() | {"b": {"route": "/users/v1.0"}}),
        ("services", one(size={"memory": 1769})),
        ("services", one(mode="serverless", size={"cpu": 300})),
        (
            "services",
            one(size={"cpu": 16384, "memory": 8 * 1024 * 15}, mode="container", image=IMAGE),
        ),
        ("services", one(scaling={"min": 3, "max": 3, "cpuPercent": None})),
        ("services", one(secrets={"A": ARN, "B": f"{ARN}:KEY::", "C": f"{ARN}:KEY:AWSCURRENT:"})),
        ("services", one(env={"TOKEN_TTL": ""}, timeout=29)),
    ],
)
def test_the_neighbouring_value_is_fine(accepted: Accepted, setting: str, value: object) -> None:
    accepted(**{setting: value, "network": {"nat": "single"}} if setting == "services" else {setting: value})


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 8 * * *", "neither"),
        ("cron(0 8 ? * MON-FRI)", "5 fields"),
        ("cron(0 8 * * * *)", "must be ?"),
        ("cron(0 8 ? * ? *)", "must be ?"),
        ("cron(60 8 ? * MON *)", "minutes cannot be 60"),
        ("cron(0 24 ? * MON *)", "hours cannot be 24"),
        ("cron(0 8 ? * MOO *)", "day of week cannot be MOO"),
        ("cron(0 8 ? 13 MON *)", "month cannot be 13"),
        ("cron(0/0 8 ? * MON *)", "minutes cannot be 0/0"),
        ("at(2030-02-30T08:00:00)", "calendar"),
        ("at(tomorrow)", "neither"),
    ],
)
def test_a_moment_that_never_comes_is_refused(refused: Refused, cron: str, why: str) -> None:
    night = {"cron": cron, "min": 0, "max": 1}

    problems = refused(services=one(scaling={"schedules": {"night": night}}))

    assert why in problems["modeshift:services.netprobe.scaling.schedules.night.cron"].why


@pytest.mark.parametrize(
    "cron",
    [
        "cron(0 8 ? * MON-FRI *)",
        "cron(*/15 8-18/2 1,15 JAN-MAR ? 2030-2031)",
        "cron(0 0 L * ? *)",
        "cron(0 0 ? * 6#3 *)",
        "at(2030-01-31T08:00:00)",
    ],
)
def test_a_moment_that_comes_is_fine(accepted: Accepted, cron: str) -> None:
    accepted(
        services=one(scaling={"schedules": {"night": {"cron": cron, "min": 0, "max": 0, "timezone": "Europe/Berlin"}}})
    )


def test_schedules_have_names_bounds_and_places_in_the_world(refused: Refused) -> None:
    schedules = {
        "Night": {"cron": "at(2030-01-01T00:00:00)", "min": 2, "max": 1, "timezone": "Europe/Berln"},
        "day": {"cron": "at(2030-01-01T00:00:00)", "max": 1},
    }

    problems = refused(services=one(scaling={"schedules": schedules}))

    at = "modeshift:services.netprobe.scaling.schedules"
    assert set(problems) == {f"{at}.Night", f"{at}.Night.min", f"{at}.Night.timezone", f"{at}.day.min"}
    assert problems[f"{at}.Night.timezone"].nearest == "Europe/Berlin"


@pytest.mark.parametrize(
    ("stack", "region", "key", "nearest"),
    [
        ("dev", "us-esat-1", "aws:region", "us-east-1"),
        ("dev", "", "aws:region", ""),
        ("Dev_1", "us-east-1", "pulumi:stack", ""),
        ("a-rather-long-stack-name", "us-east-1", "pulumi:stack", ""),
        ("fourteen-chars", "us-east-1", "pulumi:stack", ""),
    ],
)
def test_region_and_stack_must_be_usable(refused: Refused, stack: str, region: str, key: str, nearest: str) -> None:
    environment = {} if stack == "dev" else {"environment": "dev"}

    problems = refused(stack, region, **environment)

    assert [(problem.key, problem.nearest) for problem in problems.values()] == [(key, nearest)]


def test_a_region_with_two_zones_gives_no_third(refused: Refused, accepted: Accepted) -> None:
    assert set(refused(region="us-west-1", network={"azs": 3})) == {"modeshift:network.azs"}
    accepted(region="us-west-2", network={"azs": 3})


@pytest.mark.parametrize(
    ("stack", "settings", "key", "nearest"),
    [
        ("feature", {}, "modeshift:environment", ""),
        ("feature", {"environment": "stagin"}, "modeshift:environment", "staging"),
        ("prod", {"environment": "dev", "image": "a/b@sha256:" + "0" * 64}, "modeshift:environment", ""),
    ],
)
def test_a_stack_has_one_environment(
    refused: Refused, stack: str, settings: dict[str, object], key: str, nearest: str
) -> None:
    problems = refused(stack, **settings)

    assert [(problem.key, problem.nearest) for problem in problems.values()] == [(key, nearest)]


def test_prod_is_stricter(refused: Refused, accepted: Accepted, image: str) -> None:
    lax = {"frontDoor": "alb", "container": {"placement": "public"}, "image": image, "mode": "container"}

    assert set(refused("prod", **lax)) == {"modeshift:frontDoor", "modeshift:container.placement"}
    accepted("dev", **lax)
    accepted("prod", frontDoor="alb", image=image, domain={"name": "api.example.com", "zone": "example.com"})


def test_a_load_balancer_has_no_throttle_and_waits_longer(refused: Refused, accepted: Accepted) -> None:
    accepted(frontDoor="rest-api", throttle={"rate": 50, "burst": 100})
    assert set(refused(frontDoor="rest-api", services=one(timeout=30))) == {"modeshift:services.netprobe.timeout"}
    assert set(refused(frontDoor="alb", throttle={"rate": 5})) == {"modeshift:throttle"}
    accepted(frontDoor="alb", services=one(timeout=900))


@pytest.mark.parametrize("door", ["rest-api", "alb"])
def test_web_acls_are_of_the_region_and_regional(accepted: Accepted, refused: Refused, door: str) -> None:
    accepted(frontDoor=door, webAcl=WEB_ACL)
    (problem,) = refused(frontDoor=door, webAcl=WEB_ACL.replace("us-east-1", "eu-west-1")).values()
    assert "is in eu-west-1, and the stack is in us-east-1" in problem.why
    for wrong in (WEB_ACL.replace("regional", "global"), "ours", ARN):
        (problem,) = refused(frontDoor=door, webAcl=wrong).values()
        assert "not the ARN of a regional web ACL" in problem.why


def test_a_container_without_an_image_is_told_how_to_make_one(refused: Refused, accepted: Accepted, image: str) -> None:
    problem = refused(mode="container", container=PUBLIC)["modeshift:image"]

    assert "modeshift bootstrap" in problem.fix
    assert "modeshift:image" in problem.fix
    accepted(mode="container", container=PUBLIC, image=image)
    accepted(mode="container", container=PUBLIC, services=one(image=image))
    accepted(mode="container", container=PUBLIC, services=one(mode="serverless"))


def test_the_inactive_block_is_checked_too(refused: Refused, accepted: Accepted, image: str) -> None:
    tuned = one(size={"memory": 1769})
    memory = "modeshift:services.netprobe.size.memory"

    assert set(refused(container=PUBLIC, services=tuned)) == {memory}
    assert "mode: serverless" in refused(container=PUBLIC, services=tuned)[memory].fix
    accepted(services=tuned)
    accepted(container=PUBLIC, services=one(size={"memory": 1769}, mode="serverless"))

    large = {
        "mode": "container",
        "image": image,
        "container": PUBLIC,
        "services": one(size={"cpu": 4096, "memory": 16384}),
    }
    accepted(**large)
    assert set(refused(**large, serverless={"architecture": "arm64"})) == {memory}


@pytest.mark.parametrize(
    ("network", "container", "service", "missing", "cost"),
    [
        ({}, {}, {}, "ecr.api, ecr.dkr, logs", "43.80"),
        ({"azs": 3, "endpoints": ["logs"]}, {}, {}, "ecr.api, ecr.dkr", "43.80"),
        ({"endpoints": ["ecr.api", "ecr.dkr", "logs"]}, {}, {"secrets": {"A": ARN}}, "secretsmanager", "14.60"),
        ({"endpoints": ["ecr.api", "ecr.dkr", "logs"]}, {"exec": True}, {}, "ssmmessages", "14.60"),
    ],
)
def test_a_task_that_reaches_nothing_is_refused_with_choices_and_costs(  # noqa: PLR0917
    refused: Refused,
    accepted: Accepted,
    image: str,
    network: dict[str, object],
    container: dict[str, object],
    service: dict[str, object],
    missing: str,
    cost: str,
) -> None:
    stack = {"mode": "container", "image": image, "services": one(**service)}

    problems = refused(**stack, network=network, container=container)

    assert set(problems) == {"modeshift:network.nat"}
    choices = problems["modeshift:network.nat"].allowed
    zones = network.get("azs", 2)
    assert f"network.endpoints with {missing}, without the internet: {cost} USD a month" in choices
    assert "single, one gateway with its address: 36.50 USD a month" in choices
    assert f"per-az, {zones} of them: {36.5 * int(str(zones)):.2f} USD a month" in choices
    assert "an address for each task: 3.65 USD a month, 10.95 USD a month for all 3" in choices
    accepted(**stack, network=network | {"nat": "single"}, container=container)
    accepted(**stack, network=network, container=container | {"placement": "public"})


def test_prod_is_not_offered_public_tasks(refused: Refused, image: str) -> None:
    problems = refused("prod", mode="container", image=image, network={"nat": "none", "endpoints": []})

    assert "placement" not in problems["modeshift:network.nat"].allowed


def test_reachability_is_checked_before_the_switch_if_the_block_is_there(refused: Refused, accepted: Accepted) -> None:
    problems = refused(container={"compute": "fargate"})

    assert "once the mode is container" in problems["modeshift:network.nat"].why
    accepted()


def test_a_problem_does_not_drag_others_along(refused: Refused) -> None:
    settings = {"mode": "contaner", "container": {"placement": "pubic"}, "network": {"nat": 5}}

    assert set(refused(**settings)) == {
        "modeshift:mode",
        "modeshift:container.placement",
        "modeshift:network.nat",
        "modeshift:image",
    }


def test_a_rollout_needs_room_and_a_health_check_time(refused: Refused) -> None:
    container = {"rollout": {"minPercent": 100, "maxPercent": 100}, "healthCheck": {"interval": 5, "timeout": 5}}
    problems = refused(container=container)
    assert problems["modeshift:container.rollout.maxPercent"].allowed == "101..200"
    assert "interval" in problems["modeshift:container.healthCheck.timeout"].why
