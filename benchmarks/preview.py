"""How much `modeshift preview` costs, side by side with the bare engine; two ratios, measured in one run.

1. `modeshift preview --stack dev` against the engine running a flat program with the same SDK imports, as many
   resources and a provider that does nothing. Both start their provider and language host anew, as the engine does
   with plugins.
2. What one more resource costs at 400 resources against 50, through the sandbox's provider.

Each figure is the fastest of several runs, taken in turns: what else a machine does only ever adds to a time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from automation.toolchain import pulumi_binary  # noqa: E402 the project's root has to be on the path first

_ATTACH = [sys.executable, "-m", "automation.attach", "--until-stdin-closes"]

PREVIEW_LIMIT = 1.5
SCALING_LIMIT = 1.5

_IMPORTS = """
import pulumi
import pulumi_aws as aws
import pulumi_awsx
# Naming a class loads its package, as the stack's program does.
(aws.apigatewayv2.Api, aws.cloudwatch.LogGroup, aws.ec2.FlowLog, aws.iam.Role, aws.lambda_.Function, aws.sqs.Queue)
pulumi_awsx.ec2.Vpc
"""
_NOOP = """
class Nothing(pulumi.CustomResource):
    def __init__(self, name):
        super().__init__("noop:index:Nothing", name, {"index": name, "arn": None})
for index in range(%d):
    Nothing(f"nothing-{index}")
"""
_LOG_GROUPS = """
for index in range(%d):
    aws.cloudwatch.LogGroup(f"group-{index}", retention_in_days=7)
"""


def main() -> None:
    """Measure both ratios, print them, and fail when one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        (attach,) = stack.enter_context(_served([*_ATTACH, "--account", f"{folder}/account"]))
        local = {"MODESHIFT_LOCAL": f"{folder}/local"}
        resources = _count(local)
        bare = _bare(_flat(Path(folder) / "bare", _IMPORTS + _NOOP % resources))
        ours, theirs = _in_turns(runs, lambda: _modeshift(local), bare)
        small, large, empty = (
            partial(_flat(Path(folder) / f"n{n}", _IMPORTS + _LOG_GROUPS % n), f"aws:{attach}", attach)
            for n in (50, 400, 0)
        )
        at_50, at_400, at_0 = _in_turns(runs, small, large, empty)
    preview = ours / theirs
    scaling = ((at_400 - at_0) / 400) / ((at_50 - at_0) / 50)
    print(f"preview of dev, {resources} resources: modeshift {ours:.2f} s, bare engine {theirs:.2f} s")
    print(f"  ratio {preview:.2f} (limit {PREVIEW_LIMIT})")
    print(f"previews with 0, 50, 400 resources: {at_0:.2f} s, {at_50:.2f} s, {at_400:.2f} s")
    print(f"  cost per resource, 400 against 50: {scaling:.2f} (limit {SCALING_LIMIT})")
    sys.exit(preview > PREVIEW_LIMIT or scaling > SCALING_LIMIT)


def _in_turns(runs: int, *actions: Callable[[], None]) -> list[float]:
    times: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(runs):
        for taken, action in zip(times, actions, strict=True):
            started = time.perf_counter()
            action()
            taken.append(time.perf_counter() - started)
    return [min(taken) for taken in times]


def _count(local: dict[str, str]) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "automation.cli", "preview", "--stack", "dev", "--cloud", "sandbox", "--json"],
        cwd=REPOSITORY,
        env={**os.environ, **local},
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)["summary"]["create"]


def _modeshift(local: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "automation.cli", "preview", "--stack", "dev", "--cloud", "sandbox"],
        cwd=REPOSITORY,
        env={**os.environ, **local},
        capture_output=True,
        check=True,
    )


def _bare(preview: Callable[[str, int], None]) -> Callable[[], None]:
    def run() -> None:
        with _served([sys.executable, str(REPOSITORY / "benchmarks/noop_provider.py")], _ATTACH) as (noop, host):
            preview(f"noop:{noop}", host)

    return run


def _flat(folder: Path, program: str) -> Callable[[str, int], None]:
    """Make a project of one flat program; return what previews it with given providers and language host."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: flat\nruntime: python\n")
    (folder / "__main__.py").write_text(program)
    env = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE": "benchmark",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "AWS_REGION": "us-east-1",
    }
    pulumi = str(pulumi_binary())

    def run(*args: str, **attached: str) -> None:
        command = [pulumi, *args, "--non-interactive"]
        done = subprocess.run(command, cwd=folder, env={**env, **attached}, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)

    run("stack", "init", "flat")
    run("config", "set", "aws:region", "us-east-1")

    def preview(providers: str, language_port: int) -> None:
        attached = {"PULUMI_DEBUG_PROVIDERS": providers, "PULUMI_DEBUG_LANGUAGES": f"python:{language_port}"}
        run("preview", "--stack", "flat", **attached)

    return preview


@contextmanager
def _served(*commands: list[str]) -> Iterator[list[int]]:
    """Run servers side by side, yield their ports once all are ready, end them."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for command in commands
        ]
        yield [json.loads(process.stdout.readline())["port"] for process in processes if process.stdout]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()


if __name__ == "__main__":
    main()
