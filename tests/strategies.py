"""Random valid settings of a stack, for tests of the settings and of whole stacks' lives."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import strategies as st

from stacks.regions import INTERFACE_ENDPOINTS, REGIONS
from stacks.rules.sizes import FARGATE
from stacks.rules.stack import RETENTION

ENOUGH = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssmmessages"]
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app"
SERVICE_NAMES = ("a", "b2", "netprobe", "reports", "sos-cast", "users", "zz9zz9zz9z")
ADDED = SERVICE_NAMES[-1]
"""The service that no random stack lists, so that one can be added."""

NAMES = st.sampled_from(SERVICE_NAMES[:-1])
VARIABLES = st.from_regex(r"X_[A-Z0-9_]{0,8}", fullmatch=True)


def some(**parts: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=parts)


@st.composite
def blocks(draw: st.DrawFn) -> str:
    private = IPv4Network(draw(st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])))
    prefix = draw(st.integers(16, 22))
    inside = int(private.network_address) + draw(st.integers(0, private.num_addresses - 1))
    return str(IPv4Network((str(IPv4Address(inside)), prefix), strict=False))


@st.composite
def scalings(draw: st.DrawFn) -> dict[str, object]:
    low = draw(st.integers(0, 5))
    steps = draw(st.lists(st.integers(1, 100), max_size=3, unique=True).map(sorted))
    return {
        "min": low,
        "max": draw(st.integers(max(low, 1), 20)),
        "steps": [{"cpuPercent": percent, "change": 1} for percent in steps],
        **draw(some(cpuPercent=st.none() | st.integers(1, 100), spotPercent=st.integers(0, 100))),
    }


@st.composite
def shifts(draw: st.DrawFn) -> dict[str, object]:
    moved = draw(st.integers(0, 100))
    return {"step": draw(st.integers(1, 9)), "weights": {"lambda": 100 - moved, "fargate": moved}}


@st.composite
def services(draw: st.DrawFn) -> dict[str, object]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    result: dict[str, object] = {}
    for index, name in enumerate(names):
        cpu = draw(st.sampled_from([cpu for cpu in FARGATE if FARGATE[cpu][0] <= 8192]))
        memory = draw(st.sampled_from([memory for memory in FARGATE[cpu] if memory <= 10240]))
        result[name] = {
            "route": "/" if index == 0 else f"/{name}",
            "size": {"cpu": cpu, "memory": memory},
            "scaling": draw(scalings()),
            **draw(
                some(
                    mode=st.sampled_from(["serverless", "container"]),
                    env=st.dictionaries(VARIABLES, st.text(max_size=20), max_size=3),
                    secrets=st.dictionaries(VARIABLES.map("S{}".format), st.just(ARN), max_size=2),
                    timeout=st.integers(1, 29),
                    shift=shifts(),
                )
            ),
        }
    return result


@st.composite
def configs(draw: st.DrawFn) -> dict[str, object]:
    nat = draw(st.sampled_from(["none", "single", "per-az"]))
    more = draw(st.sets(st.sampled_from(sorted(INTERFACE_ENDPOINTS - set(ENOUGH))), max_size=2))
    chosen = {
        "environment": draw(st.sampled_from(["dev", "staging", "prod"])),
        "image": "registry/app@sha256:" + "0" * 64,
        "network": {"nat": nat, "endpoints": [*ENOUGH, *sorted(more)], "cidr": draw(blocks()), "azs": 2},
        **draw(
            some(
                mode=st.sampled_from(["serverless", "container"]),
                account=st.from_regex(r"[1-9][0-9]{11}", fullmatch=True),
                logRetentionDays=st.sampled_from(RETENTION),
                customerKey=st.booleans(),
                serverless=some(architecture=st.sampled_from(["arm64", "x86_64"]), snapStart=st.booleans()),
                container=some(exec=st.booleans(), insights=st.sampled_from(["disabled", "enhanced"])),
                throttle=some(rate=st.integers(1, 10_000), burst=st.integers(1, 10_000)),
                services=services(),
            )
        ),
    }
    return {
        "aws:region": draw(st.sampled_from(sorted(REGIONS))),
        **{f"modeshift:{key}": value for key, value in chosen.items()},
    }
