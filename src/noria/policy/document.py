"""A policy document: parsed, validated as AWS validates it, and compiled for `noria.policy.evaluate`.

Sources of the rules and texts: the IAM reference (JSON policy grammar) and what AWS answers to broken
documents. Pure: whether a principal exists, and how long a document may be, is for IAM to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from noria.errors import AwsError
from noria.policy.arns import resource_error
from noria.policy.conditions import ConditionError, Test, compile_conditions
from noria.policy.match import Context, Match, Pattern
from noria.policy.principals import Principals, parse_principals

Json = dict[str, Any]

VERSION = "2012-10-17"
OLD_VERSION = "2008-10-17"
STATEMENT_FIELDS = frozenset(
    (
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    )
)
BETWEEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|(\s+)', re.DOTALL)  # its group is empty for strings
SID = re.compile(r"[0-9A-Za-z]*")
SID_RULE = "Check that your input satisfies the regular expression [0-9A-Za-z]*"
VENDOR = re.compile(r"[a-zA-Z0-9\-.]+")
SESSION_POLICIES_CACHED = 1024  # documents of live sessions: at most ten and one a session


class Statement:
    """One statement; `applies` says whether it speaks of a request at all."""

    __slots__ = (
        "_actions",
        "_allows",
        "_condition",
        "_fixed",
        "_negated_actions",
        "_negated_resources",
        "_patterns",
    )

    def __init__(self, fields: Json, *, variables: bool) -> None:
        """fields: valid. Raises ConditionError."""
        self._negated_actions = "NotAction" in fields
        actions = _strings(fields["NotAction" if self._negated_actions else "Action"])
        self._actions = [_fixed(Pattern(action.lower(), "text", variables=False)) for action in actions]
        self._negated_resources = "NotResource" in fields
        resources = _strings(fields.get("NotResource" if self._negated_resources else "Resource", "*"))
        patterns = [Pattern(resource, "resource", variables=variables) for resource in resources]
        self._fixed = [pattern.fixed for pattern in patterns if pattern.fixed]
        self._patterns = [pattern for pattern in patterns if not pattern.fixed]
        block = _condition_block(fields)
        self._condition: Test | None = compile_conditions(block, variables) if block else None
        self._allows = fields["Effect"] == "Allow"

    @property
    def dynamic(self) -> bool:
        """Whether it depends on more than the principal's policies, the action and the resource."""
        return self._condition is not None or bool(self._patterns)

    def applies(self, action: str, resource: str, context: Callable[[], Context]) -> bool:
        """action: in lower case. context: asked only where the statement is dynamic."""
        if self._matches_action(action) is self._negated_actions:
            return False
        if self._matches_resource(resource, context) is self._negated_resources:
            return False
        return self._condition is None or self._condition(context())

    def _matches_action(self, action: str) -> bool:
        for match in self._actions:  # noqa: SIM110, `any` costs as much as all the rest
            if match(action):
                return True
        return False

    def _matches_resource(self, resource: str, context: Callable[[], Context]) -> bool:
        for match in self._fixed:
            if match(resource):
                return True
        for pattern in self._patterns:
            resolved = pattern.resolve(context())
            if resolved is None:  # under NotResource a Deny then applies, and an Allow does not
                if self._negated_resources and self._allows:
                    return True
            elif resolved(resource):
                return True
        return False


class Policy:
    """A document ready to be evaluated.

    denies, allows: its statements by effect. principals: of each statement of a trust policy.
    dynamic: some statement looks at the request's context, so that a decision of it cannot be cached.
    """

    __slots__ = ("allows", "denies", "dynamic", "principals")

    def __init__(self, document: Json, statements: Sequence[Json]) -> None:
        variables = document.get("Version") == VERSION
        self.allows: list[Statement] = []
        self.denies: list[Statement] = []
        self.principals: dict[Statement, Principals] = {}
        for fields in statements:
            statement = Statement(fields, variables=variables)
            (self.allows if fields["Effect"] == "Allow" else self.denies).append(statement)
            if "Principal" in fields:
                self.principals[statement] = parse_principals(fields["Principal"])
        self.dynamic = any(statement.dynamic for statement in (*self.allows, *self.denies))

    def named_principals(self) -> set[str]:
        """The ARNs that a trust policy names, for IAM to look up."""
        return {arn for principals in self.principals.values() for arn in principals.arns}


def size(text: str) -> int:
    """Characters as AWS counts them against its quotas: without the white space between JSON's tokens."""
    return len(text) - sum(len(found) for found in BETWEEN.findall(text))


def parse_identity_policy(text: str) -> Policy:
    """A managed, inline or session policy. Raises AwsError MalformedPolicyDocument."""
    document = _decode(text, "Syntax errors in policy.")
    statements = _statements(document, "Syntax errors in policy.")
    for fields in statements:
        _check_syntax(fields, "Syntax errors in policy.")
    if document.get("Version") != VERSION:
        _malformed("Policy document must be version 2012-10-17 or greater.")
    sids = [fields["Sid"] for fields in statements if fields.get("Sid")]
    if not all(SID.fullmatch(sid) for sid in sids):
        _malformed(f"Statement IDs (SID) must be alpha-numeric. {SID_RULE}")
    if len(set(sids)) < len(sids):
        _malformed("Statement IDs (SID) in a single policy must be unique.")
    for fields in statements:
        if "Principal" in fields or "NotPrincipal" in fields:
            _malformed("Policy document should not specify a principal.")
        if not fields.get("Action") and not fields.get("NotAction"):
            _malformed("Policy statement must contain actions.")
        if not fields.get("Resource") and not fields.get("NotResource"):
            _malformed("Policy statement must contain resources.")
    for fields in statements:
        _check_resources(fields)
    for fields in statements:
        _check_vendors(fields)
    return _compiled(document, statements)


@lru_cache(SESSION_POLICIES_CACHED)
def session_policy(text: str) -> Policy:
    """The policy of a session's token, which was valid when the token was made."""
    return parse_identity_policy(text)


def parse_trust_policy(text: str) -> Policy:
    """A role's trust policy. Raises AwsError MalformedPolicyDocument."""
    document = _decode(text, "This policy contains invalid Json")
    if document.get("Version", OLD_VERSION) not in (VERSION, OLD_VERSION):
        _malformed("The policy must contain a valid version string")
    statements = _statements(document, "Could not parse the policy: Statement is empty!")
    for fields in statements:
        _check_trust_statement(fields)
    sids = [fields["Sid"] for fields in statements if fields.get("Sid")]
    if len(set(sids)) < len(sids):
        _malformed("The Statement Ids in the policy are not unique")
    return _compiled(document, statements)


def _malformed(text: str) -> NoReturn:
    raise AwsError("MalformedPolicyDocument", text, 400)


def _decode(text: str, error: str) -> Json:
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        _malformed(error)
    if not isinstance(document, dict):
        _malformed(error)
    return document


def _statements(document: Json, error: str) -> list[Json]:
    if not document.keys() <= {"Version", "Id", "Statement"}:
        _malformed("Syntax errors in policy.")
    if "Version" in document and document["Version"] not in (VERSION, OLD_VERSION):
        _malformed("Syntax errors in policy.")
    if "Id" in document and not isinstance(document["Id"], str):
        _malformed("Syntax errors in policy.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        _malformed(error)
    if not all(isinstance(fields, dict) for fields in statements):
        _malformed(error)
    return statements


def _check_syntax(fields: Json, error: str) -> None:
    """The grammar of one statement; what must be there is for the callers to say."""
    well_formed = (
        fields.keys() <= STATEMENT_FIELDS
        and fields.get("Effect") in ("Allow", "Deny")
        and isinstance(fields.get("Sid", ""), str)
        and not ("Action" in fields and "NotAction" in fields)
        and not ("Resource" in fields and "NotResource" in fields)
        and all(
            _is_strings(fields[name])
            for name in ("Action", "NotAction", "Resource", "NotResource")
            if name in fields
        )
        and _is_condition(fields.get("Condition", {}))
    )
    if not well_formed:
        _malformed(error)


def _check_resources(fields: Json) -> None:
    for resource in _strings(fields.get("Resource", fields.get("NotResource"))):
        if error := resource_error(resource):
            _malformed(error)


def _check_vendors(fields: Json) -> None:
    for action in _strings(fields.get("Action", fields.get("NotAction"))):
        if action == "*":
            continue
        vendor, colon, name = action.partition(":")
        if not colon:
            _malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if ":" in name:
            _malformed("Actions/Condition can contain only one colon.")
        if vendor != "*" and not VENDOR.fullmatch(vendor):
            _malformed(f"Vendor {vendor} is not valid")
    _check_condition_keys(fields)


def _check_condition_keys(fields: Json) -> None:
    for keys in fields.get("Condition", {}).values():
        if any(":" not in key for key in keys):
            _malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")


def _check_trust_statement(fields: Json) -> None:
    for name in fields:
        if name not in STATEMENT_FIELDS:
            _malformed(f"Unknown field {name}")
    effect = fields.get("Effect")
    if effect is None:
        _malformed("Missing required field Effect")
    if effect not in ("Allow", "Deny"):
        _malformed(f"Invalid effect: {effect}")
    if "NotPrincipal" in fields:
        if effect == "Allow":
            _malformed("Allow with NotPrincipal is not allowed.")
        _malformed("AssumeRole policy must not contain NotPrincipal field.")
    if "Principal" not in fields:
        _malformed("Missing required field Principal")
    if "Resource" in fields:
        _malformed("Has prohibited field Resource")
    if "NotResource" in fields:
        _malformed("AssumeRole policy must not contain resources.")
    _check_syntax(fields, "Syntax error in policy.")
    actions = _strings(fields.get("Action", fields.get("NotAction")))
    if not actions:
        _malformed("Missing required field Action")
    if not all(action.lower().startswith("sts:") for action in actions):
        _malformed("AssumeRole policy may only specify STS AssumeRole actions.")
    _check_condition_keys(fields)


def _compiled(document: Json, statements: Sequence[Json]) -> Policy:
    try:
        return Policy(document, statements)
    except ConditionError as error:
        _malformed(str(error))


def _is_strings(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _is_condition(block: Any) -> bool:
    return isinstance(block, dict) and all(
        isinstance(keys, dict)
        and all(
            isinstance(item, str | int | float)
            for value in keys.values()
            for item in _condition_values(value)
        )
        for keys in block.values()
    )


def _condition_values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _condition_block(fields: Json) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Values as text: JSON's own booleans and numbers are allowed too."""
    return {
        operator: {
            key: [
                item if isinstance(item, str) else msgspec.json.encode(item).decode()
                for item in _condition_values(value)
            ]
            for key, value in keys.items()
        }
        for operator, keys in fields.get("Condition", {}).items()
        if keys
    }


def _fixed(pattern: Pattern) -> Match:
    assert pattern.fixed is not None  # compiled without variables
    return pattern.fixed
