"""The rules of docs/architecture.md that a reader cannot see at a glance, held by reading the source."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "components": set[str](),
    "stacks": {"components"},
    "app": set[str](),
    "sandbox": set[str](),
    "policy": set[str](),
    "automation": {"components", "policy", "sandbox", "stacks"},
    "bootstrap": {"components", "stacks"},
}
CLOUD_WIRING = Path("automation/cloud.py")
# What tells programs which packages are attached, and what asks who makes clusters: neither acts by the cloud.
PROVIDER_WIRING = (Path("automation/attach.py"), Path("stacks/aws_command.py"))


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def foreign_imports(room: str, source: str) -> list[str]:
    """Return the rooms that a source of `room` imports and may not."""
    forbidden = {*ROOMS, "tests", "benchmarks"} - ROOMS[room] - {room}
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return [name for name in found if name.split(".")[0] in forbidden]


def asks_which_cloud(source: str) -> list[int]:
    """Return the lines that compare with a cloud, match one, or read how the sandbox is attached."""
    lines: list[int] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare():
                parts = [node.left, *node.comparators]
                lines += [node.lineno for part in parts if any(_names_cloud(each) for each in _elements(part))]
            case ast.MatchValue() if _names_cloud(node.value):
                lines.append(node.lineno)
            case ast.Constant(value="PULUMI_DEBUG_PROVIDERS"):
                lines.append(node.lineno)
            case _:
                pass
    return sorted(lines)


def _elements(node: ast.expr) -> Iterator[ast.expr]:
    yield node
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        yield from node.elts


def _names_cloud(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value="sandbox"):
            return True
        case ast.Attribute(attr="SANDBOX") | ast.Attribute(value=ast.Name(id="Cloud")):
            return True
        case ast.Attribute(attr="value" | "name"):
            return _names_cloud(node.value)
        case _:
            return False


@pytest.mark.parametrize("room", ROOMS)
def test_imports_follow_the_arrows(room: str) -> None:
    wrong = {str(path.relative_to(ROOT)): foreign_imports(room, path.read_text()) for path in sources(room)}

    assert wrong, f"{room} holds no source: is the room's name still right?"
    assert {path: names for path, names in wrong.items() if names} == {}


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("components", "import automation.plan"),
        ("components", "from stacks.settings import Mode"),
        ("stacks", "from sandbox import server"),
        ("app", "    from components import network"),
        ("sandbox", "from components.naming import limit"),
        ("policy", "from automation.plan import Plan"),
        ("automation", "import tests.e2e"),
    ],
)
def test_an_import_against_the_arrows_is_seen(room: str, line: str) -> None:
    assert foreign_imports(room, f"def late():\n    pass\n    {line.strip()}\n")


def test_only_the_wiring_asks_which_cloud() -> None:
    product = [ROOT / "__main__.py", *(path for room in ROOMS if room != "sandbox" for path in sources(room))]
    asking = {str(path.relative_to(ROOT)): asks_which_cloud(path.read_text()) for path in product}

    for path in (CLOUD_WIRING, *PROVIDER_WIRING):
        assert asking.pop(str(path)), "the wiring moved: this test looks at the wrong file"
    assert {path: lines for path, lines in asking.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        'if cloud == "sandbox": pass',
        'if "sandbox" != cloud: pass',
        'if cloud in ("aws", "sandbox"): pass',
        "if session.cloud is Cloud.SANDBOX: pass",
        "if session.cloud is not cloud_module.Cloud.SANDBOX: pass",
        "if cloud != Cloud.AWS: pass",
        "x = 1 if cloud.value == Cloud.SANDBOX.value else 2",
        'match cloud:\n    case "sandbox": pass',
        "match cloud:\n    case Cloud.SANDBOX: pass",
        'ports = os.environ.get("PULUMI_DEBUG_PROVIDERS")',
    ],
)
def test_asking_which_cloud_is_seen(source: str) -> None:
    assert asks_which_cloud(source)


@pytest.mark.parametrize("source", ['print("sandbox")', 'app.add_typer(name="sandbox")', 'if name == "aws_vpc": pass'])
def test_saying_sandbox_is_not_asking(source: str) -> None:
    assert asks_which_cloud(source) == []


MISTAKES = '''"""A component with three mistakes."""

from __future__ import annotations

from pulumi_aws import sqs

sqs.Queue("right", visibility_timeout_seconds=30, tags={"Name": "right"})
sqs.Queue("misspelled", visibility_timeout_secs=30)
sqs.Queue("mistyped", fifo_queue="yes")
sqs.get_queue(name="invoke", tag={})
'''

NESTED = '''"""A component with a mistake one level down."""

from __future__ import annotations

from pulumi_aws import ecr

ecr.Repository("a", image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True))
ecr.Repository("b", image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_pushh=True))
ecr.Repository("c", image_scanning_configuration={"scan_on_pushh": True})
'''


def test_the_type_checker_sees_mistakes_in_arguments_of_pulumi_aws(tmp_path: Path) -> None:
    (tmp_path / "flat.py").write_text(MISTAKES)
    (tmp_path / "nested.py").write_text(NESTED)
    settings = json.loads((ROOT / "pyrightconfig.json").read_text())
    settings |= {"include": ["."], "venvPath": str(ROOT)}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))

    checker = Path(sys.executable).with_name("basedpyright")
    answer = subprocess.run(
        [checker, "--outputjson", "--project", tmp_path / "pyrightconfig.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = json.loads(answer.stdout)["generalDiagnostics"]
    places = {(Path(error["file"]).name, error["range"]["start"]["line"] + 1) for error in errors}

    assert answer.returncode == 1
    assert places == {("flat.py", 8), ("flat.py", 9), ("flat.py", 10), ("nested.py", 8), ("nested.py", 9)}


def tracked() -> list[Path]:
    """Return every file that git tracks or would, so that a mistake shows before it is committed."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def private_places(text: str) -> list[str]:
    """Return package registries' hosts and paths of this machine that a text names."""
    hosts = (
        "proxy[.]golang",
        "pypi[.]org",
        "pythonhosted[.]",
        "npmjs[.]",
        "crates[.]io",
        "debian[.]org",
        "maven[.]org",
    )
    machine = [re.escape(f"{path}{os.sep}") for path in (ROOT, Path.home()) if len(path.parts) > 1]
    return re.findall("|".join((*hosts, *machine)), text)


def test_the_repository_names_no_registry_and_no_machine() -> None:
    found = {
        str(path.relative_to(ROOT)): private_places(path.read_text(errors="replace"))
        for path in tracked()
        if path.name != "go.sum"
    }

    assert found
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "place", ["PYPI.ORG".lower(), str(ROOT / "x.py"), str(Path.home() / "x")], ids=["host", "tree", "home"]
)
def test_a_registry_or_a_machine_is_seen(place: str) -> None:
    assert private_places(f"see {place}")
