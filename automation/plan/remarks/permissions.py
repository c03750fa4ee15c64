"""Who may do what that they could not before, and the other way round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from automation.plan import iam
from automation.plan.diffs import at
from automation.plan.iam import ANY, Grant
from automation.plan.model import Change, Op, Plan
from automation.plan.remarks.remark import Gravity, Quoted, Remark, Words, kind, listed, noun
from automation.plan.values import Value

# Where a type keeps a policy document.
DOCUMENTS: Mapping[str, Sequence[str]] = {
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ["policy"],
    "aws:iam/policy:Policy": ["policy"],
    "aws:iam/role:Role": ["assumeRolePolicy"],
    "aws:iam/rolePolicy:RolePolicy": ["policy"],
    "aws:iam/userPolicy:UserPolicy": ["policy"],
    "aws:kms/key:Key": ["policy"],
    "aws:kms/keyPolicy:KeyPolicy": ["policy"],
    "aws:s3/bucketPolicy:BucketPolicy": ["policy"],
    "aws:secretsmanager/secretPolicy:SecretPolicy": ["policy"],
    "aws:sns/topicPolicy:TopicPolicy": ["policy"],
    "aws:sqs/queuePolicy:QueuePolicy": ["policy"],
}
# Where a type names a managed policy, whose content no plan tells.
_ATTACHED: Mapping[str, str] = {
    "aws:iam/role:Role": "managedPolicyArns",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
}
_MOST = 8


def recognise(plan: Plan) -> Iterator[Remark]:
    """Yield, for each policy that changes, what is newly allowed and what no longer is."""
    unknown: list[Change] = []
    # A policy that is deleted with the resource it is about says nothing that its deletion does not.
    gone = {(kind(change.type), change.name) for change in plan.changed() if change.op is Op.DELETE}
    for change in plan.changed():
        if change.op is Op.DELETE and (kind(change.type).removesuffix("Policy"), change.name) in gone:
            continue
        for path in DOCUMENTS.get(change.type, ()):
            before, after = (iam.grants(side) for side in _sides(change, path))
            if before is None or after is None:
                unknown.append(change)
            else:
                yield from _difference(change, before, after)
        if path := _ATTACHED.get(change.type):
            yield from _attachments(change, *_sides(change, path))
    if unknown:
        words = ("The permissions in ", *listed(c.name for c in unknown), " are known after apply.")
        yield Remark("permissions", Gravity.NOTE, words, [c.urn for c in unknown])


def _sides(change: Change, path: str) -> tuple[Value, Value]:
    before = None if change.op is Op.CREATE else at(change.before, path)
    return before, None if change.op is Op.DELETE else at(change.after, path)


def _difference(change: Change, before: frozenset[Grant], after: frozenset[Grant]) -> Iterator[Remark]:
    more, less = iam.gained(before, after), iam.gained(after, before)
    # A refusal that is lifted widens; one that is added narrows.
    for found, allows, verb, widens in (
        (more, True, "newly allows", True),
        (less, False, "no longer refuses", True),
        (less, True, "no longer allows", False),
        (more, False, "newly refuses", False),
    ):
        if chosen := [grant for grant in found if grant.allows is allows]:
            told = verb.removeprefix("newly ") if change.op is Op.CREATE else verb
            words = (f"{kind(change.type)} ", Quoted(change.name), f" {told} ", *_spelled(chosen), ".")
            yield Remark("permissions", _gravity(change, chosen, widens=widens), words, [change.urn])


def _gravity(change: Change, found: Sequence[Grant], *, widens: bool) -> Gravity:
    """Return how grave it is: what widens what exists, more than what comes or goes with its resource."""
    if not widens:
        return Gravity.NOTE
    if any(grant.allows and _is_everything(grant) for grant in found):
        return Gravity.DANGER
    return Gravity.WARNING if change.op in {Op.UPDATE, Op.REPLACE} else Gravity.NOTE


def _spelled(found: Sequence[Grant]) -> Words:
    """Return grants as `a and b on r; c on s`, those on the same resource together."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for grant in found[:_MOST]:
        groups[grant.resource, grant.principal, grant.condition].append(grant.action)
    words: list[str] = []
    for (resource, principal, condition), actions in groups.items():
        words += ["; "] if words else []
        words += listed(actions)
        words += [" on ", Quoted(resource)] if resource else []
        words += [" to ", Quoted(principal)] if principal else []
        words += [" under a condition"] if condition else []
    if (rest := len(found) - _MOST) > 0:
        words.append(f"; and {noun(rest, 'more permission')}")
    return tuple(words)


def _attachments(change: Change, before: Value, after: Value) -> Iterator[Remark]:
    olds, news = (set(map(str, side if isinstance(side, list) else [side] if side else [])) for side in (before, after))
    named = (f"{kind(change.type)} ", Quoted(change.name))
    for found, verb, gravity in ((news - olds, "attaches", Gravity.WARNING), (olds - news, "detaches", Gravity.NOTE)):
        if found:
            words = (*named, f" {verb} ", *listed(sorted(found)), ".")
            yield Remark("permissions", gravity, words, [change.urn])


def _is_everything(grant: Grant) -> bool:
    """Whether a grant is one that no review should miss: any action, or anybody with nothing asked."""
    return grant.action in {ANY, "*:*"} or (grant.principal == ANY and not grant.condition)
