"""What holds data: buckets, images, file systems, tables, databases, caches."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from automation.cost.bill import Bill
from automation.cost.money import plain
from automation.cost.resources import Resource

BACKUP: Final = "aws:efs/backupPolicy:BackupPolicy"

_SMALLEST_CACHE: Final = {"valkey": Decimal("0.1"), "redis": Decimal(1)}
_SMALLEST_PROXY: Final = 2
_FREE_INSIGHTS_DAYS: Final = 7


def bucket(bill: Bill) -> None:
    """Price a bucket by what it holds and how often it is asked, all of it in the Standard class."""
    usage = bill.usage.bucket
    bill.assume(
        f"a bucket holds {plain(usage.gb)} GB (Standard), {plain(usage.writes)} writes and {plain(usage.reads)} reads"
    )
    bill.add("storage", "s3.storage", usage.gb)
    bill.add("writes", "s3.writes", usage.writes)
    bill.add("reads", "s3.reads", usage.reads)


def repository(bill: Bill) -> None:
    """Price the images of a repository."""
    bill.assume(f"a repository holds {plain(bill.usage.registry_gb)} GB of images")
    bill.add("images", "ecr.storage", bill.usage.registry_gb)


def file_system(bill: Bill) -> None:
    """Price a file system by what it holds, all of it in the Standard class."""
    usage = bill.usage.file_system
    zone = ".onezone" if bill.resource.get("availabilityZoneName", "") != "" else ""
    bill.assume(f"a file system holds {plain(usage.gb)} GB, none of it in the Infrequent Access class")
    bill.add("storage", f"efs.storage{zone}", usage.gb)
    mode = bill.resource.get("throughputMode", "bursting")
    if mode == "elastic":
        bill.assume(f"{plain(usage.read_gb)} GB are read from a file system and {plain(usage.write_gb)} GB written")
        bill.add("reads", "efs.reads", usage.read_gb)
        bill.add("writes", "efs.writes", usage.write_gb)
    elif mode != "bursting":
        bill.unknown("throughput", "provisioned throughput is not priced")


def file_backup(bill: Bill) -> None:
    """Price the backups of a file system, where its policy turns them on."""
    status = bill.resource.get("backupPolicy.status")
    if status is None:
        bill.unknown("backups", "whether there are any is not known before the run")
    elif status == "ENABLED":
        bill.assume(f"backups of a file system hold {plain(bill.usage.file_system.backup_gb)} GB")
        bill.add("backups", "efs.backup", bill.usage.file_system.backup_gb)


def table(bill: Bill) -> None:
    """Price a table by what it holds, and by its requests or its capacity."""
    usage = bill.usage.table
    bill.assume(f"a table holds {plain(usage.gb)} GB")
    bill.add("storage", "dynamodb.storage", usage.gb)
    if bill.resource.get("pointInTimeRecovery.enabled", default=False):
        bill.add("point-in-time recovery", "dynamodb.pitr", usage.gb)
    mode = bill.resource.get("billingMode", "PROVISIONED")
    if mode == "PAY_PER_REQUEST":
        bill.assume(
            f"a table takes {plain(usage.writes)} writes, each into all its indexes, {plain(usage.reads)} reads"
        )
        indexes = bill.resource.blocks("globalSecondaryIndexes")
        if indexes is None:
            bill.unknown("indexes", "how many there are is not known before the run")
        bill.add("writes", "dynamodb.writes", usage.writes * (1 + len(indexes or [])))
        bill.add("reads", "dynamodb.reads", usage.reads)
        return
    writes, reads = bill.resource.number("writeCapacity"), bill.resource.number("readCapacity")
    if mode != "PROVISIONED" or writes is None or reads is None:
        bill.unknown("capacity", "it is not known before the run")
        return
    bill.hourly("write capacity", "dynamodb.write.hours", writes)
    bill.hourly("read capacity", "dynamodb.read.hours", reads)


def database(bill: Bill) -> None:
    """Price a PostgreSQL instance by its class, its disk and its backups."""
    resource = bill.resource
    multi = resource.get("multiAz", default=False)
    kind, engine = resource.get("instanceClass"), resource.get("engine")
    if engine != "postgres" or multi is None or kind is None:
        bill.unknown("instance", "only PostgreSQL is priced, with a class that is known before the run")
        return
    zones = "multi" if multi else "single"
    bill.hourly("instance", f"rds.{zones}.{kind}")
    _database_disk(bill, resource, zones)
    bill.assume(f"backups of a database are {plain(bill.usage.database_backup_gb)} GB larger than itself")
    bill.add("backups", "rds.backup", bill.usage.database_backup_gb)
    if resource.get("manageMasterUserPassword", default=False):
        bill.add("its secret", "secrets.secrets", 1)
        bill.add("calls for its secret", "secrets.calls", bill.usage.secret_calls)
    if resource.number("monitoringInterval", 0):
        bill.unknown("enhanced monitoring", "what it logs depends on the instance's processes")
    if (resource.number("performanceInsightsRetentionPeriod", 0) or 0) > _FREE_INSIGHTS_DAYS:
        bill.unknown("performance insights", "more than seven days are billed by vCPU")


def _database_disk(bill: Bill, resource: Resource, zones: str) -> None:
    size, most = resource.number("allocatedStorage"), resource.number("maxAllocatedStorage", 0)
    kind = resource.get("storageType", "gp2")
    if size is None or kind is None:
        bill.unknown("disk", "its size or kind is not known before the run")
        return
    if most and most > size:
        bill.assume(f"a database's disk stays at {plain(size)} GB; it may grow to {plain(most)} GB")
    bill.add("disk", f"rds.{zones}.storage.{kind}", size)


def proxy(bill: Bill) -> None:
    """Price a database proxy by the vCPUs of the database, two at least."""
    bill.assume("the database behind a proxy has two vCPUs, as all of the sizes db.t4g have")
    bill.hourly("proxy", "rds.proxy", _SMALLEST_PROXY)


def cache(bill: Bill) -> None:
    """Price a serverless cache by what it holds, at least its smallest size, and what it is asked."""
    engine = bill.resource.get("engine")
    smallest = _SMALLEST_CACHE.get(str(engine))
    if smallest is None:
        bill.unknown("cache", f"{engine or 'its engine'} is not priced")
        return
    usage = bill.usage.cache
    bill.assume(f"a cache holds {plain(max(usage.gb, smallest))} GB and takes {plain(usage.units)} processing units")
    bill.hourly("storage", f"cache.storage.{engine}", max(usage.gb, smallest))
    bill.add("processing units", f"cache.units.{engine}", usage.units)
    days = bill.resource.number("snapshotRetentionLimit", 0)
    if days is None:
        bill.unknown("backups", "for how long they are kept is not known before the run")
    elif days:
        bill.add("backups", "cache.backup", days * max(usage.gb, smallest))
