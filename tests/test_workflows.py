"""The workflows: judged by the tools for it, and held to what they promise and to the commands that they use."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.bootstrap import next_steps
from automation.toolchain.actionlint import ACTIONLINT
from tests.test_docs import unknown

ROOT = Path(__file__).resolve().parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
TOOLS = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
SECRETLESS = {"pull_request", "workflow_call", "workflow_run", "push", "schedule", "workflow_dispatch"}


def files(*paths: Path) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(GITHUB))) for path in paths]


def document(path: Path) -> dict[str, Any]:
    # YAML reads the key `on` as a yes.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return document(path).get("jobs", {})


def steps(path: Path) -> list[dict[str, Any]]:
    if path in ACTIONS:
        return document(path)["runs"]["steps"]
    return [step for job in jobs(path).values() for step in job.get("steps", ())]


def step(path: str, name: str) -> dict[str, Any]:
    """Return the step of that name or id."""
    (found,) = [one for one in steps(GITHUB / path) if name in {one.get("name"), one.get("id")}]
    return found


def tool(name: str) -> str:
    found = shutil.which(name, path=TOOLS)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def judged(*command: str, cwd: Path = ROOT) -> str:
    """Return what a judge complains of, nothing when it is content."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "PATH": TOOLS}
    )
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}" or f"ended with {done.returncode}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a checkout with the same workflows, free to be spoilt."""
    shutil.copytree(GITHUB, tmp_path / ".github")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def spoil(copy: Path, old: str, new: str) -> None:
    path = copy / ".github/workflows/deploy.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# The judges


def zizmor(folder: Path) -> str:
    return judged(tool("zizmor"), "--offline", "--no-progress", "--persona", "auditor", ".github", cwd=folder)


def test_zizmor_finds_nothing_as_an_auditor(copy: Path) -> None:
    assert zizmor(ROOT) == ""
    spoil(copy, "persist-credentials: false", "persist-credentials: true")
    assert "artipacked" in zizmor(copy)


def test_what_zizmor_shall_not_say_is_one_thing_with_its_reason() -> None:
    lines = [line for path in (*WORKFLOWS, *ACTIONS) for line in path.read_text().splitlines()]
    ignored = [index for index, line in enumerate(lines) if "zizmor: ignore" in line]
    assert [lines[index].strip() for index in ignored] == ["workflow_run: # zizmor: ignore[dangerous-triggers]"]
    assert lines[ignored[0] - 1].strip().startswith("# ")
    assert not (GITHUB / "zizmor.yml").exists()


def linted(folder: Path) -> str:
    program = ACTIONLINT.cached()
    if not program.is_file():
        pytest.skip("actionlint is not built: make lint does it")
    return judged(str(program), cwd=folder)


def test_actionlint_finds_nothing(copy: Path) -> None:
    assert linted(ROOT) == ""
    spoil(copy, "needs: [ci, build]", "needs: [ci, built]")
    assert "built" in linted(copy)


def test_actionlint_finds_nothing_in_references_that_it_knows_by_another_spelling(copy: Path) -> None:
    for path in copy.glob(".github/**/*.yml"):
        path.write_text(path.read_text().replace("uses: $/", "uses: ./"))
    assert linted(copy) == ""
    spoil(copy, "stack: staging", "stag: staging")
    assert "stag" in linted(copy)


def test_shellcheck_finds_nothing_in_the_scripts_of_actions(tmp_path: Path) -> None:
    program = tool("shellcheck")
    scripts = [one["run"] for path in ACTIONS for one in steps(path) if "run" in one]
    assert scripts
    for script in scripts:
        (tmp_path / "script").write_text(script)
        assert judged(program, "--shell=bash", str(tmp_path / "script")) == ""


def test_hadolint_finds_nothing_in_the_dockerfile(tmp_path: Path) -> None:
    assert judged(tool("hadolint"), "Dockerfile") == ""
    (tmp_path / "Dockerfile").write_text("FROM base:latest\n")
    assert "DL3007" in judged(tool("hadolint"), "Dockerfile", cwd=tmp_path)


# What is used


def uses(path: Path) -> list[str]:
    return re.findall(r"^\s*(?:- )?uses: (.+)$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", files(*WORKFLOWS, *ACTIONS))
def test_every_action_is_pinned_or_our_own_at_the_running_commit(path: Path) -> None:
    for reference in uses(path):
        if reference.startswith("$/"):
            target = ROOT / reference.removeprefix("$/")
            assert target.is_file() or (target / "action.yml").is_file(), reference
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", reference), reference


def test_an_action_has_one_version_everywhere() -> None:
    pinned = {one for path in (*WORKFLOWS, *ACTIONS) for one in uses(path) if not one.startswith("$/")}
    assert len(pinned) == len({one.partition("@")[0] for one in pinned})


def test_what_our_own_actions_are_given_they_know() -> None:
    for path in (*WORKFLOWS, *ACTIONS):
        for one in [*steps(path), *jobs(path).values()]:
            reference = one.get("uses", "")
            if not reference.startswith("$/"):
                continue
            target = ROOT / reference.removeprefix("$/")
            known = document(target)["on"]["workflow_call"] if target.is_file() else document(target / "action.yml")
            inputs = (known or {}).get("inputs", {})
            given = set(one.get("with", {}))
            required = {name for name, what in inputs.items() if what.get("required")}
            assert required <= given <= set(inputs), f"{path.name}: {reference}"


# What jobs may do


@pytest.mark.parametrize("path", files(*WORKFLOWS))
def test_permissions_are_given_job_by_job(path: Path) -> None:
    assert document(path)["permissions"] == {}
    for name, job in jobs(path).items():
        assert isinstance(job["permissions"], dict), name
        assert job["permissions"].items() <= {
            *(("actions", "read"), ("contents", "read"), ("deployments", "read")),
            *(("id-token", "write"), ("issues", "write"), ("pull-requests", "write")),
        }, name
        assert "uses" in job or job["timeout-minutes"] <= 90, name


@pytest.mark.parametrize("path", files(*WORKFLOWS, *ACTIONS))
def test_nothing_from_outside_becomes_part_of_a_script(path: Path) -> None:
    for one in steps(path):
        assert "${{" not in one.get("run", ""), one


@pytest.mark.parametrize("path", files(*WORKFLOWS))
def test_triggers_are_those_that_hand_no_secret_to_strangers(path: Path) -> None:
    triggers = document(path)["on"]
    assert set([triggers] if isinstance(triggers, str) else triggers) <= SECRETLESS
    assert "secrets." not in path.read_text()
    assert "secrets: inherit" not in path.read_text()


def test_what_others_changed_is_never_run_where_comments_may_be_written_for_them() -> None:
    assert [one.get("uses", "").partition("@")[0] for one in steps(GITHUB / "workflows/comment.yml")] == [
        "actions/checkout",
        "$/.github/actions/comment",
    ]
    checkout = steps(GITHUB / "workflows/comment.yml")[0]
    assert checkout["with"] == {"persist-credentials": False}


def test_previews_are_cancelled_by_newer_ones_and_deployments_by_nothing() -> None:
    cancelled = {path.stem for path in WORKFLOWS if document(path)["concurrency"]["cancel-in-progress"]}
    assert cancelled == {"ci", "preview"}
    # Checks that a deployment asks for have a group of their own, so that no later commit cancels them.
    assert document(GITHUB / "workflows/ci.yml")["concurrency"]["group"].endswith("|| github.run_id }}")
    assert document(GITHUB / "workflows/deploy-stack.yml")["concurrency"]["group"] == "deploy-${{ inputs.stack }}"


def test_a_role_is_taken_only_where_its_trust_lets_it() -> None:
    """A deploying role asks for the environment's subject, the others for one that an environment would change."""
    for path in WORKFLOWS:
        for name, job in jobs(path).items():
            roles = set(re.findall(r"vars\.(AWS_\w+_ROLE)", json.dumps(job)))
            if roles & {"AWS_DEPLOY_ROLE"}:
                assert job["environment"]["name"] == "${{ inputs.stack }}", name
            elif roles:
                assert "environment" not in job, name
            if roles and "steps" in job:
                assert job["permissions"]["id-token"] == "write", name


def test_variables_are_those_that_bootstrap_prints() -> None:
    roles = {"dev": "arn:dev"}
    outputs = {"registry": "r/m", "region": "r", "previewRole": "p", "publishRole": "p", "deployRoles": roles}
    lines = [line for _, block in next_steps({**outputs, "backend": "b", "secretsProvider": "s"}) for line in block]
    printed = {line.split()[3] for line in lines if line.startswith("gh variable set")}
    used = {name for path in WORKFLOWS for name in re.findall(r"vars\.(\w+)", path.read_text())}
    assert used == printed


def test_stacks_are_brought_up_in_order_and_prod_as_reviewed() -> None:
    deploy = jobs(GITHUB / "workflows/deploy.yml")
    needs = {name: job.get("needs") for name, job in deploy.items()}
    assert needs == {
        "ci": None,
        "build": None,
        "dev": ["ci", "build"],
        "staging": "dev",
        "plan": "staging",
        "prod": "plan",
    }
    commits = {job["with"]["commit"] for job in deploy.values() if "commit" in job.get("with", {})}
    assert commits == {"${{ github.sha }}"}
    kept = [one["with"]["name"] for one in deploy["plan"]["steps"] if "upload-artifact" in one.get("uses", "")]
    assert [deploy["prod"]["with"]["plan"]] == kept


# What scripts run


def scripts() -> Iterator[tuple[str, str]]:
    for path in (*WORKFLOWS, *ACTIONS):
        for one in steps(path):
            if "run" in one:
                yield path.name, one["run"]


def commands(script: str) -> list[list[str]]:
    """Return every use of `modeshift` as words, with what the array `options` may bring."""
    options = [shlex.split(each) for each in re.findall(r"options\+?=\(([^)]*)\)", script)]
    found: list[list[str]] = []
    for line in script.replace("\\\n", " ").splitlines():
        for use in re.findall(r"\.venv/bin/modeshift\"? ([^|>;)]*)", line):
            words = shlex.split(use)
            found.append([word for word in words if word != "${options[@]}"])
            if "${options[@]}" in words:
                found += [[words[0], *each] for each in options]
    return found


def test_every_command_and_option_exists() -> None:
    used = [(name, words) for name, script in scripts() for words in commands(script)]
    assert {words[0] for _, words in used} >= {"preview", "comment", "up", "drift", "package", "smoke"}
    assert [(name, problem) for name, words in used if (problem := unknown(words))] == []


def test_the_check_of_commands_can_fail() -> None:
    script = 'options=(--all)\noptions+=(--fast x)\n.venv/bin/modeshift preview "${options[@]}" | cat\n'
    script += ".venv/bin/modeshift fly"
    assert [unknown(words) for words in commands(script)] == ["", "", "--fast of preview --fast x", "fly in fly"]


def test_every_target_and_program_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(script for _, script in scripts())
    assert set(re.findall(r"\bmake (?:-C \S+ )?([a-z-]+)", text)) <= targets
    matrix = jobs(GITHUB / "workflows/ci.yml")["check"]["strategy"]["matrix"]["target"]
    assert set(matrix) == {"lint", "types", "test", "chart"} <= targets
    for program in set(re.findall(r"\.venv/bin/([a-z-]+)", text)):
        assert (ROOT / ".venv/bin" / program).exists(), program


# What scripts do, with stand-ins for the programs that reach out

STAND_IN = """#!/bin/sh
echo "{name} $*" >> "$LOG"
[ "{name}" = yq ] && echo "IMAGE=$IMAGE" >> "$LOG"
case "$*" in
{cases}
  *) ;;
esac
"""


class Desk:
    """A folder to run a step's script in; programs answer by what their arguments contain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, dict[str, str]] = {name: {} for name in ("aws", "cosign", "docker", "gh", "yq")}
        # It reads its password to the end, as the real one does; what writes to it must not meet a closed pipe.
        self.answers["docker"]["login"] = "cat > /dev/null"
        tool("jq")

    def run(self, script: str, **env: str) -> tuple[int, Mapping[str, str], list[str]]:
        """Run a script as GitHub does; return its code, its outputs and the programs that it ran."""
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        for name, answers in self.answers.items():
            cases = "\n".join(f"  *{shlex.quote(part)}*) {answer} ;;" for part, answer in answers.items())
            (programs / name).write_text(STAND_IN.format(name=name, cases=cases))
            (programs / name).chmod(0o755)
        output, log = self.folder / "output", self.folder / "log"
        for path in (output, log):
            path.write_text("")
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            env={
                "PATH": f"{programs}:{os.environ['PATH']}",
                "LOG": str(log),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_RUN_ID": "99",
                **env,
            },
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return done.returncode, outputs, log.read_text().splitlines()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


IMAGES = {
    "imageDetails": [
        {"imageDigest": "sha256:old", "imagePushedAt": "2026-01-01T00:00:00+00:00"},
        {"imageDigest": "sha256:new", "imagePushedAt": "2026-02-01T00:00:00+00:00"},
    ]
}
NAMING = {
    "REGISTRY": "123.dkr.ecr.test/shop-1a2b",
    "FILES": "Pulumi.*.yaml",
    "SIGNER": "",
    "COMMIT": "",
    "BRANCH": "main",
}


def naming(desk: Desk, **env: str) -> tuple[int, Mapping[str, str], list[str]]:
    for name in ("dev", "prod"):
        (desk.folder / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    return desk.run(step("actions/name-image/action.yml", "find")["run"], **{**NAMING, **env})


def test_the_newest_image_is_named_in_every_stack_file(desk: Desk) -> None:
    desk.answers["aws"]["describe-images"] = f"echo {shlex.quote(json.dumps(IMAGES))}"
    code, outputs, ran = naming(desk)
    assert (code, outputs) == (0, {"reference": "123.dkr.ecr.test/shop-1a2b@sha256:new"})
    assert ran[0] == "aws ecr describe-images --repository-name shop-1a2b --filter tagStatus=TAGGED --output json"
    assert [line.rsplit(" ", 1)[-1] for line in ran if line.startswith("yq")] == ["Pulumi.dev.yaml", "Pulumi.prod.yaml"]
    assert "IMAGE=123.dkr.ecr.test/shop-1a2b@sha256:new" in ran
    assert not any(line.startswith("cosign") for line in ran)


def test_a_stack_file_keeps_the_image_that_it_names(desk: Desk) -> None:
    program = tool("yq")
    if "mikefarah" not in subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this is another yq than that of GitHub's runners")
    desk.answers["aws"]["describe-images"] = f"echo {shlex.quote(json.dumps(IMAGES))}"
    desk.answers["yq"][""] = f'exec {program} "$@"'
    path = desk.folder / "Pulumi.dev.yaml"
    script = step("actions/name-image/action.yml", "find")["run"]
    path.write_text("config:\n  # why\n  modeshift:mode: container\n")
    assert desk.run(script, **NAMING)[0] == 0
    named = path.read_text()
    assert named.startswith("config:\n  # why\n")
    assert yaml.safe_load(named)["config"]["modeshift:image"] == "123.dkr.ecr.test/shop-1a2b@sha256:new"
    assert desk.run(script, **{**NAMING, "REGISTRY": "other/shop"})[0] == 0
    assert path.read_text() == named


def test_the_image_of_a_commit_is_named_only_when_our_build_signed_it(desk: Desk) -> None:
    image = {"imageDetails": IMAGES["imageDetails"][:1]}
    desk.answers["aws"]["imageTag=abc"] = f"echo {shlex.quote(json.dumps(image))}"
    desk.answers["aws"]["get-login-password"] = "echo word"
    code, outputs, ran = naming(desk, COMMIT="abc", SIGNER="build.yml")
    assert (code, outputs["reference"]) == (0, "123.dkr.ecr.test/shop-1a2b@sha256:old")
    (verified,) = [line for line in ran if line.startswith("cosign")]
    assert "https://github.com/acme/shop/.github/workflows/build.yml@refs/heads/main" in verified
    assert verified.endswith("@sha256:old")

    desk.answers["cosign"]["verify"] = "exit 1"
    code, outputs, ran = naming(desk, COMMIT="abc", SIGNER="build.yml")
    assert code != 0
    assert outputs == {}
    assert not any(line.startswith("yq") for line in ran)


def test_an_image_that_is_not_there_ends_a_deployment_and_not_a_preview(desk: Desk) -> None:
    desk.answers["aws"] = {"imageTag": "exit 254", "tagStatus": "echo '{\"imageDetails\": []}'"}
    assert naming(desk, COMMIT="abc")[0] != 0
    code, outputs, ran = naming(desk)
    assert (code, outputs, len(ran)) == (0, {}, 1)


def test_the_signer_is_the_workflow_that_signs() -> None:
    text = (GITHUB / "workflows/deploy-stack.yml").read_text()
    signers = {
        one["with"]["signer"] for one in steps(GITHUB / "workflows/deploy-stack.yml") if "signer" in one.get("with", {})
    }
    assert signers == {"build.yml"}
    assert "workflows/build.yml@refs/heads/$BRANCH" in text
    assert "cosign sign --yes" in (GITHUB / "workflows/build.yml").read_text()


def test_the_last_good_commit_is_the_newest_that_went_well(desk: Desk) -> None:
    script = step("workflows/deploy-stack.yml", "last")["run"]
    page = jobs(GITHUB / "workflows/deploy-stack.yml")["deploy"]["environment"]["url"]
    assert page.endswith("/commit/${{ inputs.commit }}")
    desk.answers["gh"] = {
        "deployments/3/statuses": "echo",
        "deployments/2/statuses": "echo https://github.com/acme/shop/commit/bbb",
        "deployments/1/statuses": "echo https://github.com/acme/shop/commit/aaa",
        "environment=dev": "printf '3\\n2\\n1\\n'",
    }
    assert desk.run(script, STACK="dev")[:2] == (0, {"good": "bbb"})
    desk.answers["gh"]["deployments/2/statuses"] = desk.answers["gh"]["deployments/1/statuses"] = "echo"
    assert desk.run(script, STACK="dev")[:2] == (0, {})
    desk.answers["gh"]["environment=dev"] = "exit 1"
    assert desk.run(script, STACK="dev")[0] != 0


def test_a_deployment_goes_back_only_when_something_was_touched() -> None:
    condition = step("workflows/deploy-stack.yml", "back")["if"]
    assert "steps.up.outputs.code == '1'" in condition
    assert "steps.smoke.outcome == 'failure'" in condition
    assert "--accept-data-loss" not in (GITHUB / "workflows/deploy-stack.yml").read_text()


@pytest.mark.parametrize(("code", "plan"), [(0, False), (1, True), (4, True)])
def test_bringing_up_hands_on_the_reviewed_plan_and_its_code(desk: Desk, code: int, plan: bool) -> None:
    program = desk.folder / ".venv/bin/modeshift"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$*" >> "$LOG"\nexit {code}\n')
    program.chmod(0o755)
    if plan:
        (desk.folder / "reviewed").mkdir()
        (desk.folder / "reviewed/plan.json").write_text("{}")
    expected = ["up --stack prod --cloud aws --yes" + (" --expect-plan reviewed/plan.json" if plan else "")]
    assert desk.run(step("workflows/deploy-stack.yml", "up")["run"], STACK="prod") == (
        code,
        {"code": str(code)},
        expected,
    )


@pytest.mark.parametrize(
    ("code", "number", "done"),
    [("0", "", ""), ("0", "7", "close 7"), ("4", "", "create"), ("4", "7", "edit 7")],
)
def test_drift_keeps_one_issue(desk: Desk, code: str, number: str, done: str) -> None:
    desk.answers["gh"]["issue list"] = f"echo {number}"
    (desk.folder / "drift.md").write_text("x" * 100_000)
    ended, _, ran = desk.run(step("workflows/drift.yml", "Keep the issue")["run"], CODE=code)
    assert ended == 0
    changed = [line for line in ran if not line.startswith("gh issue list")]
    assert len(changed) == bool(done)
    assert all(line.startswith(f"gh issue {done}") for line in changed)
    if code == "4":
        assert len((desk.folder / "issue.md").read_text()) < 65_536


@pytest.mark.parametrize(
    ("answer", "code", "digest"), [("echo sha256:a", 0, "sha256:a"), ("fail", 0, ""), ("deny", 1, "")]
)
def test_an_image_is_pushed_once(desk: Desk, answer: str, code: int, digest: str) -> None:
    replies = {"fail": "echo ImageNotFoundException >&2; exit 254", "deny": "echo AccessDenied >&2; exit 254"}
    desk.answers["aws"] = {"get-login-password": "echo word", "describe-images": replies.get(answer, answer)}
    ended, outputs, _ = desk.run(step("workflows/build.yml", "pushed")["run"], REGISTRY="host/shop", GITHUB_SHA="abc")
    assert (ended, outputs) == (code, {} if code else {"digest": digest})
