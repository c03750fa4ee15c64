"""Compiled files of the package: built for the function's machine, and without what only a debugger reads."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from stacks.wheels import BundleError

_MAGIC: Final = b"\x7fELF"
_MACHINES: Final = {"arm64": 183, "x86_64": 62}
_SUFFIXES: Final = {".so", ".pyd", ".dylib", ".dll"}

# Of a 64-bit ELF header (ELF specification): where the table of segments is, how long its entries are and how many;
# and the same of sections, with the index of their names.
_SEGMENTS_AT: Final = 32
_SEGMENTS: Final = 54
_SECTIONS_AT: Final = 40
_SECTIONS: Final = 60
_HEADER: Final = 64
_LITTLE_64: Final = b"\x02\x01"


def check_native(root: Path, architecture: str) -> None:
    """Refuse compiled files that Lambda could not load."""
    wanted = _MACHINES[architecture]
    names = {machine: name for name, machine in _MACHINES.items()}
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            head = file.read(20)
        is_elf = head.startswith(_MAGIC)
        if not is_elf and path.suffix not in _SUFFIXES:
            continue
        machine = int.from_bytes(head[18:20], "little") if is_elf else None
        if machine != wanted:
            found = names.get(machine, f"ELF machine {machine}") if machine is not None else "no Linux binary"
            message = f"{path.relative_to(root).as_posix()} is built for {found}, the function runs on {architecture}."
            raise BundleError(message, "Choose a version of its package that has a wheel for that architecture.")


def loaded(content: bytes) -> bytes:
    """Return a file as it is, a shared object with nothing beyond the segments that a process loads.

    What follows them are sections for linkers and debuggers: nine tenths of what some wheels hold. The table that names
    the sections goes too, which no loader reads.
    """
    if content[:6] != _MAGIC + _LITTLE_64 or len(content) < _HEADER:
        return content
    (at,) = struct.unpack_from("<Q", content, _SEGMENTS_AT)
    size, count = struct.unpack_from("<HH", content, _SEGMENTS)
    end = at + size * count
    for segment in range(at, end, size or 1):
        offset, _, _, length = struct.unpack_from("<QQQQ", content, segment + 8)
        end = max(end, offset + length)
    kept = bytearray(content[: max(end, _HEADER)])
    struct.pack_into("<Q", kept, _SECTIONS_AT, 0)
    struct.pack_into("<HH", kept, _SECTIONS, 0, 0)
    return bytes(kept)
