"""The part of CloudWatch's metric math that our alarms and policies use, for one moment at a time.

Source: CloudWatch user guide (using metric math).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType


class NotSimulatedError(Exception):
    """Something of an alarm or a policy is not simulated; the message says what."""


_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
    }
)
_OVER: Mapping[str, Callable[[list[float]], float]] = MappingProxyType(
    {
        "SUM": sum,
        "MIN": min,
        "MAX": max,
        "AVG": lambda values: sum(values) / len(values),
    }
)


def evaluate(expression: str, values: Mapping[str, float]) -> float | None:
    """Return an expression's value where metrics have these values; None where a metric that it needs has none.

    A function over a list goes over those that have one.

    Raises:
        NotSimulatedError: The expression uses something else.

    """
    try:
        return _value(_parsed(expression), values, expression)
    except ZeroDivisionError:
        # CloudWatch has no value at such a moment.
        return None


@cache
def _parsed(expression: str) -> ast.expr:
    # What CloudWatch writes and what is known here is written the same in Python.
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise _unknown(expression) from error


def _value(node: ast.expr, values: Mapping[str, float], whole: str) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = _value(operand, values, whole)
            return None if found is None else -found
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            one, other = _value(left, values, whole), _value(right, values, whole)
            if type(op) in _OPERATORS:
                return None if one is None or other is None else float(_OPERATORS[type(op)](one, other))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, values, whole)
        case _:
            pass
    raise _unknown(whole)


def _call(name: str, arguments: Sequence[ast.expr], values: Mapping[str, float], whole: str) -> float | None:
    match name, arguments:
        case "IF", [condition, then, otherwise]:
            holds = _value(condition, values, whole)
            return None if holds is None else _value(then if holds else otherwise, values, whole)
        case "FILL", [metric, filler]:
            found = _value(metric, values, whole)
            return _value(filler, values, whole) if found is None else found
        case _, [ast.List(elts=items)] if name in _OVER:
            known = [value for item in items if (value := _value(item, values, whole)) is not None]
            return float(_OVER[name](known)) if known else None
        case _:
            raise _unknown(whole)


def _unknown(expression: str) -> NotSimulatedError:
    return NotSimulatedError(f"the expression {expression!r}")
