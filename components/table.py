"""A DynamoDB table that a service keeps items in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import use_key
from components.linking import INDEX_ACTIONS, checked_actions, variable
from components.service import Link, Statement

AttributeType = Literal["S", "N", "B"]

_LONGEST_KEY = 2
_RESTORABLE_DAYS = 35
_KEY_TYPES = ("HASH", "RANGE")


class Table(Component):
    """A table on demand that can be taken back to any second of the last 35 days, with its indexes and its stream.

    Indexes hold all attributes. The stream tells each change with what the item was and became. Key and attribute types
    are what cannot change without a new table; indexes, time to live and stream can.

    Protected from deletion in Pulumi and in DynamoDB, and kept in AWS when it leaves the stack, unless `guarded` is
    off.

    Cost in us-east-1: nothing when idle. 0.125 USD per million reads, 0.625 per million writes, of 4 KB and 1 KB, each
    index counts as a write; storage 0.25 per GB and month, the first 25 GB free; recovery 0.20 per GB and month (AWS
    price list: AmazonDynamoDB).

    Example:
        >>> Table("dev-chat-history", key=["user", "time"], attributes={"user": "S", "time": "N"})

    """

    def __init__(
        self,
        name: str,
        *,
        key: Sequence[str],
        attributes: Mapping[str, AttributeType],
        indexes: Mapping[str, Sequence[str]] | None = None,
        ttl: str | None = None,
        stream: bool = False,
        key_arn: pulumi.Input[str] | None = None,
        guarded: bool = True,
        import_id: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the table, or take over an existing one.

        Args:
            name: Logical name; the table's own name is made from it.
            key: Attribute that partitions, and one that sorts if any.
            attributes: Type of each attribute in a key, of the table or of an index, and of no other.
            indexes: Global secondary indexes by name, each with a key of its own.
            ttl: Attribute that holds the second from which an item may be deleted.
            stream: Tell every change.
            key_arn: KMS key that encrypts items; a key that DynamoDB owns when unset.
            guarded: Refuse to delete the table, and keep it in AWS when it leaves the stack.
            import_id: Name of an existing table to take over.
            opts: Options of the component.

        """
        super().__init__("Table", name, opts)
        indexes = indexes or {}
        _check(name, key, attributes, indexes)
        self._indexes = sorted(indexes)
        self._key_arn = key_arn
        table = aws.dynamodb.Table(
            self.child_name(),
            name=import_id,
            billing_mode="PAY_PER_REQUEST",
            hash_key=key[0],
            range_key=key[1] if len(key) == _LONGEST_KEY else None,
            attributes=[
                aws.dynamodb.TableAttributeArgs(name=attribute, type=kind)
                for attribute, kind in sorted(attributes.items())
            ],
            global_secondary_indexes=[_index(index, indexes[index]) for index in self._indexes],
            ttl=None if ttl is None else aws.dynamodb.TableTtlArgs(enabled=True, attribute_name=ttl),
            stream_enabled=stream,
            stream_view_type="NEW_AND_OLD_IMAGES" if stream else None,
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=True, recovery_period_in_days=_RESTORABLE_DAYS
            ),
            server_side_encryption=None
            if key_arn is None
            else aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key_arn),
            deletion_protection_enabled=guarded,
            tags=self.tags(),
            opts=self.opts(protect=guarded, retain=guarded, import_id=import_id),
        )
        self.table_name: pulumi.Output[str] = table.name
        self.arn: pulumi.Output[str] = table.arn
        self.stream_arn: pulumi.Output[str] | None = table.stream_arn if stream else None
        self.register_outputs({"name": self.table_name, "arn": self.arn})

    def link(self, name: str, *, actions: Sequence[str]) -> Link:
        """Return what a service gets that uses the table: its name in `{NAME}_TABLE`, and these actions.

        Raises:
            ValueError: An action is none of a table's.

        """
        wanted = checked_actions("table", name, actions)
        return Link(
            name=name,
            environment={variable(name, "TABLE"): self.table_name},
            statements=[*self._allow(wanted), *use_key(self._key_arn, "Decrypt", service="dynamodb")],
        )

    def allow_reading_stream(self) -> list[Statement]:
        """Return the statements that allow to read the stream; none without one."""
        if self.stream_arn is None:
            return []
        actions = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
        return [
            Statement(actions=[f"dynamodb:{action}" for action in actions], resources=[self.stream_arn]),
            *use_key(self._key_arn, "Decrypt", service="dynamodb"),
        ]

    def _allow(self, actions: Iterable[str]) -> list[Statement]:
        everywhere = [action for action in actions if action in INDEX_ACTIONS and self._indexes]
        items = [action for action in actions if action not in everywhere]
        indexes = [pulumi.Output.concat(self.arn, "/index/", index) for index in self._indexes]
        return [
            Statement(actions=[f"dynamodb:{action}" for action in some], resources=resources)
            for some, resources in ((items, [self.arn]), (everywhere, [self.arn, *indexes]))
            if some
        ]


def _index(name: str, key: Sequence[str]) -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=name,
        projection_type="ALL",
        key_schemas=[
            aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(attribute_name=attribute, key_type=kind)
            for attribute, kind in zip(key, _KEY_TYPES, strict=False)
        ],
    )


def _check(
    name: str, key: Sequence[str], attributes: Mapping[str, AttributeType], indexes: Mapping[str, Sequence[str]]
) -> None:
    """Refuse what DynamoDB would refuse half-way through.

    Raises:
        ValueError: Keys and attributes do not go together.

    """
    keys = {"the table": key, **{f"index {index}": used for index, used in indexes.items()}}
    problems = [
        f"the key of {owner} has {len(used)} attributes; give one that partitions, and one that sorts if any"
        for owner, used in keys.items()
        if not 1 <= len(used) <= _LONGEST_KEY
    ]
    used = {attribute for one in keys.values() for attribute in one}
    if untyped := sorted(used - attributes.keys()):
        problems.append(f"{', '.join(untyped)}: in a key but not in attributes; say S, N or B")
    if unused := sorted(attributes.keys() - used):
        problems.append(
            f"{', '.join(unused)}: in attributes but in no key; items may have it all the same, take it out"
        )
    if problems:
        msg = f"{name}: {'; '.join(problems)}."
        raise ValueError(msg)
