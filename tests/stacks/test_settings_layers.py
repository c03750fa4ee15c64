"""Three layers become one: what wins, what merges, and where each value says it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stacks.errors import SettingsError
from stacks.keys import Json
from stacks.layers import leaves, merge
from stacks.load import Resolved, describe, load, resolve
from stacks.profiles import PROFILES
from stacks.settings import Compute, Mode, Nat, StackSettings

Accepted = Callable[..., Resolved]

TREES = st.recursive(
    st.none() | st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)
BLOCKS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(BLOCKS)
def test_merging_nothing_changes_nothing(tree: dict[str, Json]) -> None:
    assert merge(tree, {}) == tree == merge({}, tree) == merge(tree, tree)


@given(BLOCKS, BLOCKS, BLOCKS)
def test_layers_can_be_laid_in_any_grouping(one: dict[str, Json], two: dict[str, Json], three: dict[str, Json]) -> None:
    # A block over a plain value replaces it, and so forgets what stood below; only there does grouping matter.
    if all(_is_block(one, path) == _is_block(two, path) for path, _ in [*leaves(one), *leaves(two)]):
        assert merge(merge(one, two), three) == merge(one, merge(two, three))


def _is_block(tree: Json, path: tuple[str | int, ...]) -> bool:
    for part in path:
        tree = tree.get(str(part), {}) if isinstance(tree, dict) else None
    return isinstance(tree, dict)


@given(BLOCKS, BLOCKS)
def test_every_setting_of_the_upper_layer_wins(lower: dict[str, Json], upper: dict[str, Json]) -> None:
    result = dict(leaves(merge(lower, upper)))

    for path, value in leaves(upper):
        if value != {}:
            assert result[path] == value


def test_the_file_wins_over_the_profile_and_that_over_the_library(accepted: Accepted) -> None:
    resolved = accepted("staging", network={"azs": 3})

    assert resolved.settings.network.azs == 3
    assert resolved.settings.network.nat is Nat.SINGLE
    assert resolved.settings.network.flow_logs is True
    assert resolved.origins["modeshift:network.azs"] == "Pulumi.staging.yaml"
    assert resolved.origins["modeshift:network.nat"] == "profile staging"
    assert resolved.origins["modeshift:network.flowLogs"] == "library default"
    assert resolved.origins["aws:region"] == "Pulumi.staging.yaml"


def test_a_list_replaces(accepted: Accepted, image: str) -> None:
    endpoints = accepted("prod", image=image, network={"endpoints": ["logs"]}).settings.network.endpoints

    assert endpoints == ("logs",)


def test_a_service_starts_from_the_library_and_the_profile(accepted: Accepted) -> None:
    services = {"netprobe": {"scaling": {"max": 20}}, "users": {"route": "/users"}}

    resolved = accepted("prod", services=services)

    assert {name: (s.route, s.scaling.min, s.scaling.max) for name, s in resolved.settings.services.items()} == {
        "netprobe": ("/", 2, 20),
        "users": ("/users", 2, 10),
    }
    assert resolved.origins["modeshift:services.netprobe.route"] == "library default"
    assert resolved.origins["modeshift:services.users.scaling.min"] == "profile prod"
    assert resolved.origins["modeshift:services.netprobe.scaling.max"] == "Pulumi.prod.yaml"


def test_a_stack_that_lists_services_has_exactly_those(accepted: Accepted) -> None:
    assert set(accepted(services={"users": {"route": "/"}}).settings.services) == {"users"}
    assert set(accepted().settings.services) == {"netprobe"}


def test_a_stack_of_another_name_says_its_environment(accepted: Accepted) -> None:
    resolved = accepted("pr-12", environment="staging")

    assert resolved.settings.log_retention_days == 14
    assert resolved.origins["modeshift:environment"] == "Pulumi.pr-12.yaml"
    assert accepted("staging").origins["modeshift:environment"] == "profile staging"


def test_the_engine_s_text_and_the_file_s_values_mean_the_same() -> None:
    parsed = {
        "aws:region": "eu-west-1",
        "modeshift:account": 123456789012,
        "modeshift:customerKey": True,
        "modeshift:logRetentionDays": 30,
        "modeshift:owner": 7,
        "modeshift:network": {"nat": "single", "azs": 3},
        "modeshift:domain": None,
        "pulumi:tags": {"a": "b"},
    }
    text = {
        "aws:region": "eu-west-1",
        "modeshift:account": "123456789012",
        "modeshift:customerKey": "true",
        "modeshift:logRetentionDays": "30",
        "modeshift:owner": "7",
        "modeshift:network": '{"nat": "single", "azs": 3}',
    }

    assert resolve("dev", parsed) == resolve("dev", text)


def test_the_region_may_come_from_the_environment() -> None:
    resolved = resolve("dev", {}, region="eu-west-1")

    assert (resolved.region, resolved.origins["aws:region"]) == ("eu-west-1", "AWS_REGION")
    assert resolve("dev", {"aws:region": "us-east-1"}, region="eu-west-1").region == "us-east-1"


def test_a_service_s_mode_and_compute(accepted: Accepted, image: str) -> None:
    services = {
        "a": {"route": "/"},
        "b": {"route": "/b", "mode": "container"},
        "c": {"route": "/c", "compute": "lambda"},
    }
    settings = accepted("staging", services=services, image=image).settings

    assert [settings.mode_of(name) for name in "abc"] == [Mode.SERVERLESS, Mode.CONTAINER, Mode.SERVERLESS]
    assert [settings.compute_of(name) for name in "abc"] == [Compute.LAMBDA, Compute.FARGATE, Compute.LAMBDA]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_meets_its_requirements_in_both_modes(accepted: Accepted, image: str, name: str) -> None:
    container = {"container": {"placement": "public"}} if name == "dev" else {}
    for mode in Mode:
        settings = accepted(name, mode=mode, image=image, **container).settings
        scaling = settings.services["netprobe"].scaling
        assert settings.environment == name
        assert (settings.log_retention_days, scaling.min, scaling.max) == {
            "dev": (7, 1, 3),
            "staging": (14, 1, 5),
            "prod": (30, 2, 10),
        }[name]


def test_prod_has_what_production_needs(accepted: Accepted) -> None:
    settings = accepted("prod").settings

    assert settings.network.nat is Nat.PER_AZ
    assert settings.network.azs >= 2
    assert {"ecr.api", "ecr.dkr", "logs", "secretsmanager"} <= set(settings.network.endpoints)
    assert settings.network.flow_logs
    assert settings.customer_key
    assert settings.deletion_protection
    assert settings.access_logs


def test_no_two_environments_share_addresses() -> None:
    blocks = [profile.stack.network.cidr for profile in PROFILES.values()]

    assert len(set(blocks)) == len(blocks)


def test_every_setting_is_described_with_its_origin(accepted: Accepted) -> None:
    resolved = accepted("prod", services={"netprobe": {"env": {"DB_PASSWORD": "hunter2", "LEVEL": "info"}}})

    rows = {row.key: row for row in describe(resolved)}

    assert set(rows) == set(resolved.origins)
    assert rows["modeshift:network.nat"] == ("modeshift:network.nat", "per-az", "profile prod")
    assert rows["modeshift:services.netprobe.env.LEVEL"].value == "info"
    assert "hunter2" not in str(rows)


@pytest.mark.parametrize(("stack", "mode"), [("dev", "serverless"), ("staging", "container"), ("prod", "container")])
def test_the_tracked_stacks_are_valid_and_switch_by_one_word(
    root: Path, tmp_path: Path, image: str, stack: str, mode: str
) -> None:
    fallback = {"modeshift:image": image}
    resolved = load(root, stack, fallback=fallback)
    assert resolved.settings.mode == mode
    assert resolved.origins["modeshift:image"] == "the command"

    text = (root / f"Pulumi.{stack}.yaml").read_text()
    other = "container" if mode == "serverless" else "serverless"
    assert text.count(f"modeshift:mode: {mode}") == 1
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(text.replace(f"mode: {mode}", f"mode: {other}"))
    assert load(tmp_path, stack, fallback=fallback).settings.mode == other


@pytest.mark.parametrize("stack", PROFILES)
def test_the_tracked_stacks_hold_what_differs_only(root: Path, stack: str) -> None:
    config: Mapping[str, object] = yaml.safe_load((root / f"Pulumi.{stack}.yaml").read_text())["config"]
    below = PROFILES[stack].stack_layer()
    library = StackSettings(environment=stack).model_dump(mode="json", by_alias=True)

    for key in set(config) - {"aws:region", "modeshift:mode"}:
        name = key.removeprefix("modeshift:")
        assert config[key] not in (below.get(name), library[name])


def test_a_file_s_own_image_wins_over_the_fallback(tmp_path: Path, image: str) -> None:
    (tmp_path / "Pulumi.staging.yaml").write_text(f"config: {{aws:region: us-east-1, modeshift:image: '{image}'}}")

    resolved = load(tmp_path, "staging", fallback={"modeshift:image": image.replace("ab", "cd")})

    assert resolved.settings.image == image
    assert resolved.origins["modeshift:image"] == "Pulumi.staging.yaml"


def test_a_chosen_block_must_not_be_another_stack_s(tmp_path: Path) -> None:
    for stack, cidr in (("dev", "10.30.128.0/17"), ("pr-1", None), ("staging", None)):
        network = f"\n  network: {{cidr: {cidr}}}" if cidr else ""
        environment = "" if stack != "pr-1" else "\n  environment: staging"
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(f"config:\n  aws:region: us-east-1{network}{environment}")
    (tmp_path / "Pulumi.broken.yaml").write_text("config: [")

    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "dev")

    assert [(p.key, p.where) for p in caught.value.problems] == [("modeshift:network.cidr", "Pulumi.dev.yaml:3")] * 2
    assert "overlaps 10.30.0.0/16 of stack pr-1" in caught.value.problems[0].why
    # The staging profile's own block is shared by all stacks that did not choose one.
    assert load(tmp_path, "pr-1").settings.network.cidr == load(tmp_path, "staging").settings.network.cidr
