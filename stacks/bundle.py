"""The Lambda package: the app and its locked dependencies in one zip that is the same wherever it is built.

Entries are sorted, carry one date and fixed modes, and are compressed by the locked libdeflate: what the zlib of a
Python makes of the same bytes differs between zlib, zlib-ng and Apple's, and a package that differs is a deployment
that does.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from deflate import deflate_compress

from components.service import ZipArtifact
from stacks.commit import files_of
from stacks.natives import check_native, loaded
from stacks.wheels import PYTHON_VERSION, BundleError, install

__all__ = ["BundleError", "bundle", "describe_bundle"]

_LOCK: Final = "requirements/app.txt"
_FORMAT: Final = "5"
"""Part of the inputs: raise it whenever this module would make another zip of the same inputs."""

_ARCHITECTURES: Final = ("arm64", "x86_64")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_LEVEL: Final = 6
_MAX_ZIP: Final = 50 * 1024**2
_MAX_UNZIPPED: Final = 250 * 1024**2
_KEPT: Final = 10
_INSTALLER_FILES: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}
_LEFT_OUT_FOLDERS: Final = {"__pycache__", "tests"}
_LEFT_OUT_SUFFIXES: Final = {".pyc", ".pyo", ".pyi", ".pyx", ".pxd", ".c", ".h", ".cpp", ".hpp"}
_LEFT_OUT_PACKAGES: Final = (
    # FastAPI imports all of it to see that no annotation is of pydantic 1, and takes its absence for the same answer: a
    # tenth of a cold start. The image leaves it out too.
    "pydantic/v1/",
    # What nothing here imports, and Lambda takes 50 MB at once.
    "alembic/testing/",
    "aws_lambda_powertools/event_handler/",
    "sqlalchemy/dialects/mssql/",
    "sqlalchemy/dialects/mysql/",
    "sqlalchemy/dialects/oracle/",
    "sqlalchemy/dialects/sqlite/",
    "sqlalchemy/testing/",
)


def bundle(root: Path, architecture: str = "arm64", commit: str | None = None) -> ZipArtifact:
    """Return the package of the project at `root`, built only when its inputs changed.

    With a commit it is the package that commit gives, whatever is checked out.
    """
    if architecture not in _ARCHITECTURES:
        raise BundleError(f"Lambda has no architecture {architecture!r}.", f"Choose {' or '.join(_ARCHITECTURES)}.")
    root = root.resolve()
    app, lock = (_app(root), _lock(root)) if commit is None else _of_commit(root, commit)
    if "app/handler.py" not in app:
        message = "app/handler.py, the function's entry, is missing."
        raise BundleError(message, "Run this in a checkout of the project; `git status` shows what is gone.")
    store = root / ".modeshift" / "build"
    target = store / f"{_inputs(app, lock, architecture)}-{architecture}.zip"
    try:
        if not zipfile.is_zipfile(target):
            with _alone(store):
                if not zipfile.is_zipfile(target):
                    _build(target, app, lock, architecture)
        os.utime(target)
        digest = hashlib.sha256(target.read_bytes()).digest()
    except OSError as error:
        raise _of_disk(error, store) from error
    return ZipArtifact(path=str(target), sha256=base64.b64encode(digest).decode())


def describe_bundle(artifact: ZipArtifact) -> dict[str, str | int]:
    """Return what a person or a script wants to know of a package."""
    path = Path(artifact.path)
    with zipfile.ZipFile(path) as package:
        entries = package.infolist()
    return {
        "path": artifact.path,
        "sha256": artifact.sha256,
        "bytes": path.stat().st_size,
        "files": len(entries),
        "architecture": path.stem.partition("-")[2],
        "runtime": artifact.runtime,
        "handler": artifact.handler,
    }


def _lock(root: Path) -> bytes:
    try:
        return (root / _LOCK).read_bytes()
    except FileNotFoundError:
        message = f"{_LOCK}, the lock file of the app, is missing."
        raise BundleError(message, "Restore it from git, or write it anew with `make lock`.") from None


def _app(root: Path) -> dict[str, bytes]:
    """Read the app once, so that what is hashed is what is packed even while someone edits it."""
    folder = root / "app"
    return {f"app/{name}": path.read_bytes() for name, path in _files(folder)}


def _of_commit(root: Path, commit: str) -> tuple[dict[str, bytes], bytes]:
    files = files_of(root, commit, "app", _LOCK)
    lock = files.pop(_LOCK)
    return {name: content for name, content in files.items() if _belongs(name.removeprefix("app/"))}, lock


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what belongs into the package below a folder: no caches, tests, type stubs or hidden files."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _belongs(name) and path.is_file():
            yield name, path


def _belongs(name: str) -> bool:
    parts = name.split("/")
    return not (
        any(part.startswith(".") or part in _LEFT_OUT_FOLDERS for part in parts)
        or PurePosixPath(name).suffix in _LEFT_OUT_SUFFIXES
        or name.startswith(_LEFT_OUT_PACKAGES)
        or (len(parts) > 1 and parts[0].endswith(".dist-info") and parts[1] in _INSTALLER_FILES)
    )


def _inputs(app: Mapping[str, bytes], lock: bytes, architecture: str) -> str:
    digest = hashlib.sha256()
    for part in (_FORMAT, architecture, PYTHON_VERSION):
        digest.update(f"{part}\n".encode())
    for name, content in {_LOCK: lock, **app}.items():
        digest.update(f"{name}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:32]


@contextmanager
def _alone(store: Path) -> Generator[None]:
    """Let one process build at a time; the system gives the lock back when a builder is killed."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_by_a_killed_build in store.glob("tmp-*"):
            shutil.rmtree(left_by_a_killed_build, ignore_errors=True)
        yield


def _build(target: Path, app: Mapping[str, bytes], lock: bytes, architecture: str) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="tmp-") as temporary:
        work = Path(temporary)
        installed = work / "installed"
        (work / "app.txt").write_bytes(lock)
        install(work / "app.txt", installed, architecture)
        shutil.rmtree(installed / "bin", ignore_errors=True)
        check_native(installed, architecture)
        natives = {name: loaded(path.read_bytes()) for name, path in _files(installed) if path.suffix == ".so"}
        files: dict[str, bytes | Path] = {**dict(_files(installed)), **natives, **app}
        package = work / "package.zip"
        _check_size(_sizes(files), _MAX_UNZIPPED, "unzipped")
        _check_size(_write(package, files), _MAX_ZIP, "uploaded as a zip")
        package.replace(target)
    _forget_old(target)


def _write(path: Path, files: Mapping[str, bytes | Path]) -> dict[str, int]:
    """Write the files in a zip; return what each takes there."""
    with path.open("wb") as file:
        with zipfile.ZipFile(file, "w") as package:
            for name in sorted(files):
                source = files[name]
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.create_system = 3
                entry.external_attr = (stat.S_IFREG | (0o755 if name.endswith(".so") else 0o644)) << 16
                _add(package, file, entry, source.read_bytes() if isinstance(source, Path) else source)
            sizes = {entry.filename: entry.compress_size for entry in package.infolist()}
        file.flush()
        # The rename that follows must never make half a file look whole after a power cut.
        os.fsync(file.fileno())
    return sizes


def _add(package: zipfile.ZipFile, file: IO[bytes], entry: zipfile.ZipInfo, content: bytes) -> None:
    """Add an entry, compressed here: `zipfile` itself knows no compressor but that of its Python."""
    package.writestr(entry, deflate_compress(content, _LEVEL))
    end = file.tell()
    entry.compress_type, entry.file_size, entry.CRC = zipfile.ZIP_DEFLATED, len(content), zlib.crc32(content)
    # The list at the end of the zip is made of these at last; the entry's own head says "stored" until now.
    file.seek(entry.header_offset)
    file.write(entry.FileHeader())
    file.seek(end)


def _sizes(files: Mapping[str, bytes | Path]) -> dict[str, int]:
    return {name: file.stat().st_size if isinstance(file, Path) else len(file) for name, file in files.items()}


def _check_size(sizes: Mapping[str, int], limit: int, what: str) -> None:
    total = sum(sizes.values())
    if total > limit:
        largest = max(sizes, key=lambda name: sizes[name])
        message = f"The package has {total / 1024**2:.0f} MB; Lambda takes {limit // 1024**2} MB {what}."
        hint = f"Its largest file is {largest}: drop its package, or run this service as a container."
        raise BundleError(message, hint)


def _forget_old(newest: Path) -> None:
    """Keep the packages used last, so that going back and forth stays fast and the folder small."""
    packages = sorted(newest.parent.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for package in packages[_KEPT:]:
        package.unlink(missing_ok=True)


def _of_disk(error: OSError, store: Path) -> BundleError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BundleError("The disk is full.", "Free some space and run it again; nothing was overwritten.")
    reason = error.strerror or str(error)
    return BundleError(f"The package cannot be written to {store}: {reason}.", "Nothing was overwritten.")
