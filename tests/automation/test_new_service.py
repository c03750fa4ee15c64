"""`modeshift new` makes a whole service or nothing, and says what is wrong with a name or a route."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import UserError
from automation.new_service import NewService, create
from automation.project import Project
from stacks.catalog import read_catalog
from stacks.load import load

NETPROBE = 'title = "NetProbe"\nsummary = "Probes."\nroute = "/"\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "Pulumi.yaml").write_text("name: modeshift\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n")
    (tmp_path / "app/services/netprobe").mkdir(parents=True)
    (tmp_path / "app/services/netprobe/service.toml").write_text(NETPROBE)
    return Project(tmp_path, tmp_path / ".modeshift")


def everything(project: Project) -> list[str]:
    return sorted(path.relative_to(project.root).as_posix() for path in project.root.rglob("*") if path.is_file())


def lines(made: NewService) -> list[str]:
    return [line for _, block in made.steps for line in block]


@pytest.mark.parametrize(("route", "expected"), [(None, "/sos-cast"), ("/alarm/all", "/alarm/all")])
def test_the_folder_is_a_service_to_every_stack(project: Project, route: str | None, expected: str) -> None:
    before = everything(project)
    made = create(project, "sos-cast", route)

    assert made.route == expected
    assert everything(project) == sorted([*before, *made.files])
    catalog = read_catalog(project.root)
    assert catalog is not None
    assert catalog.folders["sos-cast"].problems == ()
    manifest = catalog.manifest("sos-cast")
    assert manifest is not None
    assert (manifest.title, manifest.route, manifest.settings) == ("Sos Cast", expected, ("SOS_CAST_GREETING",))


def test_the_line_it_prints_is_all_that_a_stack_needs(project: Project) -> None:
    file = project.root / "Pulumi.dev.yaml"
    first = next(line for line in lines(create(project, "hello")) if "hello: {}" in line)
    assert first == "modeshift:services: {netprobe: {}, hello: {}}"
    file.write_text(f"{file.read_text()}  {first}\n")
    assert set(load(project.root, "dev").settings.services) == {"netprobe", "hello"}

    second = next(line for line in lines(create(project, "again")) if "again: {}" in line)
    assert second == "again: {}"
    file.write_text(f"{file.read_text().replace('{netprobe', '{' + second + ', netprobe')}")
    assert set(load(project.root, "dev").settings.services) == {"netprobe", "hello", "again"}


@pytest.mark.parametrize(
    ("name", "route", "said"),
    [
        ("Hello", None, "lower-case letters"),
        ("hello_there", None, "lower-case letters"),
        ("../hello", None, "lower-case letters"),
        ("", None, "lower-case letters"),
        ("import", None, "a word of Python's"),
        ("a" * 21, None, "At most 20 characters"),
        ("netprobe", None, "app/services/netprobe exists already"),
        ("hello", "/", "the route of netprobe"),
        ("hello", "hello", "cannot be a service's route"),
        ("hello", "/hello/", "cannot be a service's route"),
        ("hello", "/a b", "cannot be a service's route"),
        ("docs", None, "cannot be a service's route"),
        ("hello", "/health", "cannot be a service's route"),
    ],
)
def test_what_cannot_be_had_is_refused_and_nothing_is_made(
    project: Project, name: str, route: str | None, said: str
) -> None:
    before = everything(project)
    with pytest.raises(UserError) as caught:
        create(project, name, route)

    assert said in f"{caught.value.message} {caught.value.hint}"
    assert everything(project) == before


def test_tests_that_are_left_of_another_service_are_not_overwritten(project: Project) -> None:
    left = project.root / "tests/app/hello/test_hello.py"
    left.parent.mkdir(parents=True)
    left.write_text("# mine\n")
    with pytest.raises(UserError, match="tests/app/hello exists already"):
        create(project, "hello")

    assert left.read_text() == "# mine\n"


@pytest.mark.parametrize("failing", ["tests/app/hello", "app/services/hello"])
def test_a_disk_that_fails_half_way_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before, rename = everything(project), Path.rename

    def fail(self: Path, target: Path) -> Path:
        if str(target).endswith(failing):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="No space"):
        create(project, "hello")

    assert everything(project) == before
