"""Whether what people and programs call stays where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from automation.plan.model import Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words
from automation.plan.values import Hidden, Value

_ENTRIES = frozenset(
    {
        "aws:apigatewayv2/api:Api",
        "aws:apigatewayv2/domainName:DomainName",
        "aws:apigateway/restApi:RestApi",
        "aws:apigateway/domainName:DomainName",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:route53/record:Record",
    }
)


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield what happens to the stack's URL, and to those of services where it stays."""
    before, after = plan.outputs_before.get("url"), plan.outputs_after.get("url")
    if said := _moved(plan, ("The URL",), before, after):
        yield said
        return
    olds, news = _urls(plan.outputs_before), _urls(plan.outputs_after)
    for name in sorted(olds.keys() & news.keys()):
        if said := _moved(plan, ("The URL of ", Quoted(name)), olds[name], news[name]):
            yield said


def _moved(plan: Plan, subject: Words, before: Value, after: Value) -> Remark | None:
    if not isinstance(before, str) or not isinstance(after, str) or before == after:
        return None
    if after is not Hidden.UNKNOWN:
        words = (*subject, " changes from ", Quoted(before), " to ", Quoted(after), "; the old one stops answering.")
        return Remark("url", Gravity.DANGER, words)
    doors = [c for c in plan.changed() if c.type in _ENTRIES and c.op in {Op.REPLACE, Op.DELETE}]
    if doors:
        words = (*subject, " changes: ", Quoted(before), " stops answering; the new one is known after apply.")
        return Remark("url", Gravity.DANGER, words, [c.urn for c in doors])
    return Remark(
        "url", Gravity.WARNING, (*subject, " may change: it is known after apply. It is ", Quoted(before), ".")
    )


def _urls(outputs: Mapping[str, Value]) -> dict[str, Value]:
    services = outputs.get("services")
    facts = services.items() if isinstance(services, Mapping) else ()
    return {str(name): fact.get("url") for name, fact in facts if isinstance(fact, Mapping)}
