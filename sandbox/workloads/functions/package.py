"""The code of a function as its process finds it: unpacked, with what was built for another machine replaced."""

from __future__ import annotations

import platform
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.data.errors import DataError

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_PROCESSORS = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_ARCHIVE_PATH = "path"
_NATIVE = (".so", ".pyd", ".dylib")
_INFO = ".dist-info"
_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
# The SDK is part of Lambda's Python runtimes (developer guide, lambda-python).
_SDK = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True)
class Code:
    """Where the code of a function is; `isolated` when all that it may import is there."""

    root: Path
    isolated: bool
    notes: tuple[str, ...] = ()
    """What is other than it is in AWS, for the log."""


def unpack(function: Resource, folder: Path, checkout: Path) -> Code:
    """Put the code of a function into a folder, unless that exists; an image's app is the one of `checkout`.

    Packages that hold machine code for another Python or another processor are those of this environment instead.

    Raises:
        DataError: The package is not there, or it is none.

    """
    outputs: dict[str, Any] = function.outputs
    if outputs.get("packageType") == "Image":
        return Code(checkout, isolated=False, notes=(f"The image's app is the one in {checkout}.",))
    notes = folder.with_name(f"{folder.name}.notes")
    if not folder.is_dir():
        shutil.rmtree(draft := folder.with_name(f"{folder.name}.part"), ignore_errors=True)
        said = _extract(function, draft)
        notes.write_text("\n".join(said))
        draft.rename(folder)
    return Code(folder, isolated=True, notes=tuple(notes.read_text().splitlines()))


def forget(folder: Path) -> None:
    """Delete what `unpack` made."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(f"{folder.name}.notes").unlink(missing_ok=True)


def runtime_folder(folder: Path) -> Path:
    """Return a folder with what Lambda's runtime brings and no more: the SDK, and its client where that has a wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*_CLIENT, *_SDK):
        with suppress(metadata.PackageNotFoundError):
            _link(metadata.distribution(name), folder)
    return folder


def _extract(function: Resource, folder: Path) -> list[str]:
    outputs: dict[str, Any] = function.outputs
    code: dict[str, Any] = outputs.get("code") or {}
    package = Path(str(code.get(_ARCHIVE_PATH, "")))
    if not package.is_file():
        message = f"The package of the function {outputs['name']} is not here: {package}. Bring the stack up again."
        raise DataError(message)
    processor = (outputs.get("architectures") or ["x86_64"])[0]
    fits = (processor, outputs.get("runtime")) == (_PROCESSORS.get(platform.machine().lower(), ""), _PYTHON)
    try:
        with zipfile.ZipFile(package) as archive:
            names = archive.namelist()
            replaced = {} if fits else _replaced(names)
            tops = {top for distribution in replaced.values() for top in _tops(distribution.files or ())}
            tops |= {top for name in replaced for top in _infos(names, name)}
            # Machine code that lies in the root has another name for every Python.
            bare = {top.split(".")[0] for top in tops}
            tops |= {top for top in _natives(names) if top.split(".")[0] in bare}
            archive.extractall(folder, [name for name in names if name.split("/", 1)[0] not in tops])
    except (zipfile.BadZipFile, OSError) as error:
        message = f"The package of the function {outputs['name']} cannot be unpacked: {error}"
        raise DataError(message) from error
    if fits:
        return []
    for distribution in replaced.values():
        _link(distribution, folder)
    return _notes(f"{outputs.get('runtime')} on {processor}", names, replaced, tops)


def _replaced(names: Iterable[str]) -> dict[str, metadata.Distribution]:
    """Return the packages of this environment that take the place of those with machine code, by their names.

    Where one of them has another version here, all that are here do: they have to fit each other.
    """
    names = list(names)
    natives, here = _natives(names), _here(names)
    foreign = {name: one for name, one in here.items() if natives & _stems(one)}
    if all(_version(names, name) == one.version for name, one in foreign.items()):
        return foreign
    return here


def _stems(distribution: metadata.Distribution) -> set[str]:
    """Return a package's names in the root, and those of machine code there as another Python would call it."""
    return {stem for top in _tops(distribution.files or ()) for stem in (top, top.split(".")[0])}


def _natives(names: Iterable[str]) -> set[str]:
    """Return what in the root of a package has machine code in it; of a file there, its bare name too."""
    found = {name.split("/", 1)[0] for name in names if name.endswith(_NATIVE)}
    return found | {top.split(".")[0] for top in found}


def _here(names: Iterable[str]) -> dict[str, metadata.Distribution]:
    """Return those packages of this environment that a zip has, too."""
    found: dict[str, metadata.Distribution] = {}
    for info in {name.split("/", 1)[0] for name in names if name.split("/", 1)[0].endswith(_INFO)}:
        name = info.removesuffix(_INFO).rpartition("-")[0]
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.distribution(name)
    return found


def _infos(names: Iterable[str], name: str) -> set[str]:
    return {top for each in names if (top := each.split("/", 1)[0]).startswith(f"{name}-") and top.endswith(_INFO)}


def _version(names: Iterable[str], name: str) -> str:
    return next((info.removesuffix(_INFO).rpartition("-")[2] for info in _infos(names, name)), "")


def _tops(files: Iterable[metadata.PackagePath]) -> Iterator[str]:
    """Yield what a package has in the root; scripts lie outside of it."""
    yield from {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}


def _link(distribution: metadata.Distribution, folder: Path) -> None:
    for top in _tops(distribution.files or ()):
        place = folder / top
        if not place.exists():
            place.symlink_to(Path(str(distribution.locate_file(top))))


def _notes(wanted: str, names: list[str], replaced: dict[str, metadata.Distribution], tops: set[str]) -> list[str]:
    here = f"{_PYTHON} on {platform.machine()}"
    count = len(replaced)
    said = [f"The package is for {wanted}; this is {here}: {count} of its packages are this environment's instead."]
    for name, one in sorted(replaced.items()):
        before = _version(names, name)
        said.append(f"  {name} {one.version}" + (f" instead of {before}" if before != one.version else ""))
    left = sorted({name for name in names if name.endswith(_NATIVE) and name.split("/", 1)[0] not in tops})
    return said + [f"  {name} is not for this machine, and nothing here replaces it." for name in left]
