"""Links and triggers that AWS would refuse, or that could never work, are refused before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stacks.catalog import read_catalog
from stacks.errors import Problem, SettingsError
from stacks.load import Resolved, resolve
from stacks.rules.databases import CLASSES
from tests.manifests import DATABASE, EVERYTHING, FILES, PLAIN, add_service

Stack = Callable[..., Resolved]
Refused = Callable[..., dict[str, Problem]]

ADMIN = "arn:aws:iam::123456789012:role/ci"
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-AbCdEf"
BUCKET = '[links.uploads]\nkind = "bucket"\nactions = ["GetObject"]\n'
EKS = {"compute": "eks", "kubernetes": {"admins": [ADMIN]}}
HOURLY = '[triggers.hourly]\nkind = "schedule"\n'
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:" + "0" * 64
NAT = {"nat": "single"}
QUEUE = '[triggers.jobs]\nkind = "queue"\n'
TABLE = '[links.results]\nkind = "table"\nkey = ["id"]\nattributes = {id = "S"}\nactions = ["GetItem"]\n'
WRITTEN = '[triggers.written]\nkind = "stream"\nlink = "results"\n'


def arrives(name: str, prefix: str = "", suffix: str = "") -> str:
    return f'[triggers.{name}]\nkind = "bucket"\nlink = "uploads"\nprefix = "{prefix}"\nsuffix = "{suffix}"\n'


def secret(name: str, *keys: str) -> str:
    return f'[links.{name}]\nkind = "secret"\nkeys = {list(keys)}\n'


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Resolve a stack with one service `shop`, by what its manifest says and what the stack file adds."""

    core = tmp_path / "app/core/environment.toml"
    core.parent.mkdir(parents=True)
    core.write_text('settings = ["LOG_LEVEL"]\n', encoding="utf-8")

    def resolved(said: str, own: object = None, name: str = "dev", **settings: object) -> Resolved:
        add_service(tmp_path, said)
        config = {"network": NAT, "image": IMAGE, "services": {"shop": own}, **settings}
        keys = {"aws:region": "us-east-1", **{f"modeshift:{key}": value for key, value in config.items()}}
        return resolve(name, keys, catalog=read_catalog(tmp_path))

    return resolved


@pytest.fixture
def refused(stack: Stack) -> Refused:
    """Resolve such a stack, which must be refused, and return the problems by key."""

    def problems(said: str, own: object = None, name: str = "dev", **settings: object) -> dict[str, Problem]:
        with pytest.raises(SettingsError) as caught:
            stack(said, own, name, **settings)
        found = caught.value.problems
        return {each.key.removeprefix("modeshift:").removeprefix("services.shop."): each for each in found}

    return problems


# What the manifest says, key of the problem, part of the reason or of what is allowed.
MANIFESTS: list[tuple[str, str, str]] = [
    # names
    (BUCKET.replace("uploads", "Uploads"), "links.Uploads", "not a name"),
    (BUCKET.replace("uploads", "up_loads"), "links.up_loads", "not a name"),
    (BUCKET.replace("uploads", "u" * 60), f"links.{'u' * 60}", "AWS takes fewer for a bucket"),
    (BUCKET.replace("uploads", "idempotency"), "links.idempotency", "is taken"),
    (QUEUE.replace("jobs", "j" * 60), f"triggers.{'j' * 60}", "AWS takes fewer for a queue"),
    (BUCKET + BUCKET.replace("uploads", "uploads-logs"), "links.uploads-logs", "same name in AWS as uploads of shop"),
    (QUEUE + QUEUE.replace("jobs", "jobs-dead-letter"), "triggers.jobs-dead-letter", "same name in AWS as jobs"),
    # variables
    (secret("keys", "A B"), "links.keys", "not a name of a variable"),
    (secret("keys", "WORKER_TIMEOUT"), "links.keys", "a meaning of its own"),
    (secret("keys", "LOG_LEVEL"), "links.keys", "a meaning of its own"),
    (secret("keys", "A") + secret("more", "A"), "links.more", "would set A, and so does the link keys"),
    (secret("keys", "JOBS_QUEUE") + QUEUE, "triggers.jobs", "so does the link keys"),
    (secret("keys"), "links.keys.keys", "names none"),
    # tables and actions
    (TABLE.replace('["id"]', '["id", "a", "b"]'), "links.results.key", "no key of a table"),
    (TABLE.replace('["id"]', '["id", "id"]'), "links.results.key", "no key of a table"),
    (TABLE.replace('["id"]', "[]"), "links.results.key", "no key of a table"),
    (TABLE.replace('["id"]', '["di"]'), "links.results.key", "has no type"),
    (TABLE.replace('{id = "S"}', '{id = "S", price = "N"}'), "links.results.attributes.price", "in no key"),
    (TABLE + 'indexes = {by-day = ["day"]}\n', "links.results.indexes.by-day", "has no type"),
    (TABLE.replace('"GetItem"', '"GetItm"'), "links.results.actions", "no action of a table"),
    (TABLE.replace('"GetItem"', '"dynamodb:*"'), "links.results.actions", "no action of a table"),
    (TABLE.replace('"GetItem"', ""), "links.results.actions", "allows nothing"),
    (BUCKET.replace('"GetObject"', '"HeadObject"'), "links.uploads.actions", "write GetObject"),
    # triggers
    (WRITTEN, "triggers.written.link", "no link of kind table"),
    (TABLE + WRITTEN, "triggers.written.link", "set stream = true on [links.results]"),
    (BUCKET + WRITTEN.replace("results", "uploads"), "triggers.written.link", "no link of kind table"),
    (BUCKET + arrives("new").replace("uploads", "upload"), "triggers.new.link", "uploads"),
    (BUCKET + arrives("new") + arrives("more", suffix=".sol"), "triggers.more", "may mean the same object as new"),
    (BUCKET + arrives("new", "a/", ".sol") + arrives("more", "a/b"), "triggers.more", "S3 tells of it once"),
    (BUCKET.replace("Get", "Put") + arrives("new"), "triggers.new", "for ever"),
    (HOURLY, "triggers.hourly", "neither rate nor cron"),
    (HOURLY + 'rate = "rate(1 hour)"\ncron = "cron(0 8 * * ? *)"\n', "triggers.hourly", "both rate and cron"),
    (HOURLY + 'rate = "1 hour"\n', "triggers.hourly.rate", "not a rate"),
    (HOURLY + 'rate = "rate(1 hours)"\n', "triggers.hourly.rate", "rate(1 hour)"),
    (HOURLY + 'rate = "rate(5 minute)"\n', "triggers.hourly.rate", "rate(5 minutes)"),
    (HOURLY + 'rate = "rate(0 minutes)"\n', "triggers.hourly.rate", "never comes"),
    (HOURLY + 'cron = "cron(0 8 * * MON *)"\n', "triggers.hourly.cron", "must be ?"),
    (HOURLY + 'rate = "rate(1 hour)"\ntimezone = "Europe/Berln"\n', "triggers.hourly.timezone", "Europe/Berlin"),
    ("[worker]\nbatch = 5\n", "worker", "no trigger that brings any"),
    (QUEUE + "[worker.size]\nmemory = 64\n", "worker.size.memory", "128 to 10240"),
    (QUEUE + "[worker.scaling]\nmin = 4\n", "worker.scaling.min", "more than the most"),
]


def told(problem: Problem) -> str:
    return "\n".join(f"{part}: {text}" for part, text in problem.as_dict().items())


@pytest.mark.parametrize(("said", "key", "text"), MANIFESTS)
def test_what_could_not_work_is_refused_with_the_manifest_as_its_place(
    refused: Refused, said: str, key: str, text: str
) -> None:
    problems = refused(said)

    assert set(problems) == {key}
    assert text in told(problems[key])
    assert problems[key].where == "app/services/shop/service.toml"


@pytest.mark.parametrize(
    "said",
    [
        EVERYTHING,
        EVERYTHING + FILES,
        BUCKET + arrives("new", "a/") + arrives("more", "b/"),
        BUCKET + arrives("new", suffix=".sol") + arrives("more", suffix=".vy"),
        BUCKET + arrives("new"),
        BUCKET.replace("Get", "Put") + arrives("new", suffix=".sol"),
        HOURLY + 'cron = "at(2030-01-31T08:00:00)"\ntimezone = "Europe/Berlin"\n',
        HOURLY + 'rate = "rate(1 day)"\n',
    ],
)
@pytest.mark.parametrize("name", ["dev", "prod"])
def test_what_works_is_let_through(stack: Stack, said: str, name: str) -> None:
    stack(said, name=name)


AGO = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
LATER = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("own", "key", "text"),
    [
        ({"size": "db.t4g.mikro"}, "size", "db.t4g.micro"),
        ({"size": "t4g.micro"}, "size", "db.t4g.micro"),
        ({"size": "db.t4g.48xlarge"}, "size", "no instance class"),
        ({"storageGb": 100}, "maxStorageGb", "110 or more"),
        ({"version": 18}, "version", "text (in quotes"),
        ({"version": "eighteen"}, "version", "text that matches"),
        ({"version": "19"}, "version", "14, 15, 16, 17, 18"),
        ({"restores": [{"name": "R1", "at": AGO}]}, "restores[0].name", "not a name"),
        ({"restores": [{"name": "r1", "at": TOMORROW}]}, "restores[0].at", "has not come yet"),
        ({"restores": [{"name": "r1", "at": AGO[:-1]}]}, "restores[0].at", "no moment in UTC"),
        ({"restores": [{"name": "r1", "at": "2026-13-01T00:00:00Z"}]}, "restores[0].at", "no moment in UTC"),
        ({"restores": [{"name": "r1", "at": LATER}, {"name": "r1", "at": AGO}]}, "restores[1].name", "earlier one"),
        ({"restores": [{"name": "r1", "at": LATER}, {"name": "r2", "at": AGO}]}, "restores[1].at", "after"),
    ],
)
def test_a_database_that_rds_would_not_make_is_refused(refused: Refused, own: object, key: str, text: str) -> None:
    problems = refused(DATABASE, {"links": {"database": own}})

    assert f"links.database.{key}" in problems
    assert text in told(problems[f"links.database.{key}"])


def test_a_database_may_be_taken_back_twice(stack: Stack) -> None:
    restores = [{"name": "r1", "at": AGO, "keepSource": False}, {"name": "r2", "at": LATER}]

    stack(DATABASE, {"links": {"database": {"restores": restores, "size": "db.r8g.48xlarge"}}})
    assert "db.r8g.48xlarge" in CLASSES


@pytest.mark.parametrize("block", ["env", "secrets"])
def test_a_stack_sets_no_variable_that_a_link_sets(refused: Refused, block: str) -> None:
    problem = refused(DATABASE, {block: {"DATABASE_URL": ARN}})[f"{block}.DATABASE_URL"]

    assert "set by the link database" in problem.why


def test_what_two_services_would_call_the_same_is_refused(stack: Stack, tmp_path: Path) -> None:
    add_service(tmp_path, BUCKET, "shop-a", plain=PLAIN.replace('"/"', '"/a"'))
    with pytest.raises(SettingsError, match=r"same name in AWS as a-uploads of shop"):
        stack(BUCKET.replace("uploads", "a-uploads"), services={"shop": None, "shop-a": None})


def test_functions_beside_a_database_need_a_way_to_its_password(stack: Stack, refused: Refused) -> None:
    problem = refused(DATABASE, network={})["network.nat"]

    assert "functions of shop" in problem.why
    assert "the password of their database" in problem.why
    assert "network.endpoints with secretsmanager" in problem.allowed
    assert "14.60 USD a month" in problem.allowed
    assert "placement" not in problem.allowed
    stack(DATABASE, network={"endpoints": ["secretsmanager"]})
    stack(DATABASE)
    assert "their queues" in refused(DATABASE + QUEUE, network={"endpoints": ["secretsmanager"]})["network.nat"].why
    stack(DATABASE + QUEUE, network={"endpoints": ["secretsmanager", "sqs"]})
    stack(TABLE + BUCKET + QUEUE, network={})


def test_so_do_those_that_migrate_beside_containers(stack: Stack, refused: Refused) -> None:
    public = {"mode": "container", "container": {"placement": "public"}}

    assert set(refused(DATABASE, network={}, **public)) == {"network.nat"}
    stack(DATABASE.replace("migrations = true", ""), network={}, **public)


@pytest.mark.parametrize("registry", ["registry.example.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"])
def test_migrations_of_containers_run_from_an_image_that_lambda_takes(
    stack: Stack, refused: Refused, registry: str
) -> None:
    elsewhere = f"{registry}/app@sha256:{'0' * 64}"

    assert "migrates shop" in refused(DATABASE, mode="container", image=elsewhere)["image"].why
    assert "image" in refused(DATABASE, {"image": elsewhere}, mode="container")
    stack(DATABASE.replace("migrations = true", ""), mode="container", image=elsewhere)
    stack(DATABASE, image=elsewhere)
    stack(DATABASE, mode="container")


def test_tasks_in_private_subnets_need_a_way_to_what_their_links_are(refused: Refused) -> None:
    endpoints = {"endpoints": ["ecr.api", "ecr.dkr", "logs"]}
    problem = refused(QUEUE + secret("keys", "A"), mode="container", network=endpoints)["network.nat"]

    assert "their queues; their secrets" in problem.why


def test_no_pod_and_no_snapshot_has_a_file_system(stack: Stack, refused: Refused) -> None:
    on_eks = refused(FILES, mode="container", container=EKS)["links.files"]

    assert "eks" in on_eks.why
    assert on_eks.allowed == "lambda | fargate"
    assert "snapStart" in refused(FILES, serverless={"snapStart": True})["links.files"].why
    stack(FILES, mode="container")
    stack(FILES, {"mode": "serverless"}, container=EKS)
