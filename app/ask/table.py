"""A DynamoDB table: plain values in and out, conditions that say yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.core.aws import Aws, AwsError

if TYPE_CHECKING:
    from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

Item = dict[str, Any]


class Table:
    """One table. A read costs 0.125 USD per million, a write 0.625 (4 KB and 1 KB, us-east-1)."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws = aws
        self._name = name
        self._types: tuple[TypeSerializer, TypeDeserializer] | None = None

    async def get(self, key: Item) -> Item | None:
        """Return an item as it is now."""
        answer = await self._call("get_item", Key=self._typed(key), ConsistentRead=True)
        return self._plain(answer["Item"]) if "Item" in answer else None

    async def put(self, item: Item, condition: str = "", **values: object) -> bool:
        """Write an item, if a condition holds; tell whether it did."""
        return await self._if("put_item", condition, values, Item=self._typed(item))

    async def update(self, key: Item, expression: str, condition: str = "", **values: object) -> bool:
        """Change an item, if a condition holds; tell whether it did."""
        return await self._if("update_item", condition, values, Key=self._typed(key), UpdateExpression=expression)

    async def delete(self, key: Item, condition: str = "", **values: object) -> bool:
        """Delete an item, if a condition holds; tell whether it did."""
        return await self._if("delete_item", condition, values, Key=self._typed(key))

    async def query(self, index: str, condition: str, most: int, after: Item | None, **values: object) -> list[Item]:
        """Return up to `most` items of an index, the last first, beginning after one."""
        found: list[Item] = []
        start = self._typed(after) if after else None
        while len(found) < most:
            # A page ends at 1 MB too, so one that is short is not the last.
            request: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            answer = await self._call(
                "query",
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=self._values(values),
                ExpressionAttributeNames=_names(condition),
                ScanIndexForward=False,
                Limit=most - len(found),
                **request,
            )
            found += [self._plain(item) for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return found

    async def _if(self, operation: str, condition: str, values: Mapping[str, object], **request: Any) -> bool:  # noqa: ANN401 boto3's shapes
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = self._values(values)
        if names := _names(f"{condition} {request.get('UpdateExpression', '')}"):
            request["ExpressionAttributeNames"] = names
        try:
            await self._call(operation, **request)
        except AwsError as error:
            if error.code == "ConditionalCheckFailedException":
                return False
            raise
        return True

    async def _call(self, operation: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 boto3's shapes
        return await self._aws.call("dynamodb", operation, TableName=self._name, **request)

    def _typed(self, item: Item) -> dict[str, Any]:
        return {name: self._converters()[0].serialize(value) for name, value in item.items()}

    def _values(self, values: Mapping[str, object]) -> dict[str, Any]:
        return {f":{name}": self._converters()[0].serialize(value) for name, value in values.items()}

    def _plain(self, item: dict[str, Any]) -> Item:
        return {name: self._converters()[1].deserialize(value) for name, value in item.items()}

    def _converters(self) -> tuple[TypeSerializer, TypeDeserializer]:
        if self._types is None:
            from boto3.dynamodb.types import TypeDeserializer, TypeSerializer  # noqa: PLC0415 with boto3, when needed

            self._types = (TypeSerializer(), TypeDeserializer())
        return self._types


def _names(expression: str) -> dict[str, str]:
    """Return the attributes that an expression names by `#`: many plain words are DynamoDB's own."""
    words = expression.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return {word: word[1:] for word in words if word.startswith("#")}
