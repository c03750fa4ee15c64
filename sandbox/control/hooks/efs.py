"""File systems: what ends with them."""

from __future__ import annotations

from sandbox.control.hooks.base import Hook, Operation

_PARTS = ("aws:efs/backupPolicy:BackupPolicy", "aws:efs/fileSystemPolicy:FileSystemPolicy")


class FileSystem(Hook):
    def delete(self, operation: Operation) -> None:
        if operation.old is not None:
            operation.end_parts(operation.old.id, *_PARTS)
