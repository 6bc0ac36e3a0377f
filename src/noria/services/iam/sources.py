"""Where an identity's permissions come from: its policies as text, and where each statement stands in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from noria.errors import AwsError
from noria.policy.document import parse_identity_policy
from noria.policy.statement import Policy, Statement, condition_block, strings
from noria.services.iam import errors
from noria.services.iam.models import PolicyHolder, User
from noria.services.iam.repository import ENTITY_ARN, Repository

IAM_POLICY = "IAM Policy"
RESOURCE_POLICY = "Resource Policy"

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_VARIABLE = re.compile(r"\$\{\s*([^\s,'{}]+)\s*(?:,[^{}]*)?\}")


class Source:
    """A policy. name: as SimulatePrincipalPolicy names it. arn: of a managed one. holder: whose it is."""

    def __init__(
        self, name: str, text: str, policy: Policy, holder: PolicyHolder | None = None, arn: str = ""
    ) -> None:
        self.name = name
        self.text = text
        self.policy = policy
        self.holder = holder
        self.arn = arn

    @cached_property
    def positions(self) -> list[tuple[int, int]]:
        """Start and end of each statement in the text, in the document's order."""
        return list(_statements(self.text))

    def position(self, offset: int) -> dict[str, int]:
        """Line and column, both from 1."""
        before = self.text[:offset]
        return {"Line": before.count("\n") + 1, "Column": offset - before.rfind("\n")}


def given(texts: Sequence[str], word: str = "PolicyInputList") -> list[Source]:
    """Policies of a request. Raises InvalidInput."""
    try:
        return [
            Source(f"{word}.{number}", text, parse_identity_policy(text))
            for number, text in enumerate(texts, 1)
        ]
    except AwsError as error:
        raise errors.invalid_input(error.message) from error


async def holder_of(store: Repository, account: str, arn: str) -> PolicyHolder:
    """The user, group or role. Raises InvalidInput, NoSuchEntity."""
    parts = ENTITY_ARN.fullmatch(arn)
    if parts is None or parts[1] != account or parts[2] not in ("user", "group", "role"):
        raise errors.invalid_input(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    found = await store.entities(parts[2]).by_arn(arn)
    if not isinstance(found, PolicyHolder):
        raise errors.no_such_entity(parts[2], parts[3])
    return found


async def sources_of(store: Repository, holder: PolicyHolder) -> list[Source]:
    """All policies that an identity has, a user's groups' included."""
    found = [
        Source(f"{holder.kind}_{holder.name}_{name}", text, parse_identity_policy(text), holder)
        for name, text in holder.inline.items()
    ]
    for arn in holder.attached:
        policy = await store.find_policy(arn, holder.account)
        if policy is not None:
            text = policy.document
            found.append(Source(policy.name, text, parse_identity_policy(text), holder, arn))
    for name in holder.groups if isinstance(holder, User) else ():
        group = await store.groups.find(holder.account, name)
        if group is not None:
            found += await sources_of(store, group)
    return found


def context_keys(sources: Sequence[Source]) -> list[str]:
    """Every condition key that the policies look at, in conditions and as variables."""
    statements = [statement for source in sources for statement in source.policy.statements]
    return sorted({key for statement in statements for key in statement_keys(statement)})


def statement_keys(statement: Statement) -> set[str]:
    conditions: Mapping[str, Mapping[str, Sequence[str]]] = condition_block(statement.fields)
    texts = strings(statement.fields.get("Resource", statement.fields.get("NotResource")))
    keys: set[str] = set()
    for asked in conditions.values():
        keys |= asked.keys()
        texts = texts + [value for values in asked.values() for value in values]
    if statement.variables:
        keys |= {found[1] for text in texts for found in _VARIABLE.finditer(text)}
    return keys


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """text: a valid policy."""
    position = _after(text, text.index("{") + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _after(text, _after(text, position) + 1)
        _, end = _DECODER.raw_decode(text, position)
        if key == "Statement":
            yield from _elements(text, position, end) if text[position] == "[" else [(position, end)]
        position = _after(text, end)
        if text[position] == ",":
            position = _after(text, position + 1)


def _elements(text: str, position: int, end: int) -> Iterator[tuple[int, int]]:
    position = _after(text, position + 1)
    while position < end - 1:
        _, after = _DECODER.raw_decode(text, position)
        yield position, after
        position = _after(text, after)
        if text[position] == ",":
            position = _after(text, position + 1)


def _after(text: str, position: int) -> int:
    """Where the white space from there on ends."""
    found = _SPACE.match(text, position)
    assert found is not None  # it may be empty
    return found.end()
