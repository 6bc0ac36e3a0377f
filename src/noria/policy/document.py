"""A policy document: parsed, validated as AWS validates it, and compiled for `noria.policy.evaluate`.

Sources of the rules and texts: the IAM reference (JSON policy grammar) and what AWS answers to broken
documents. Pure: whether a principal exists, and how long a document may be, is for IAM to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from noria.errors import AwsError
from noria.policy.arns import resource_error
from noria.policy.conditions import ConditionError
from noria.policy.principals import Principals, parse_principals
from noria.policy.statement import Json, Policy, Statement, condition_values, strings

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


def stored_policy(text: str) -> Policy:
    """An identity policy that was checked when it was stored, or is AWS's own, which breaks AWS's rules."""
    document = _decode(text, "Syntax errors in policy.")
    return _compiled(document, _statements(document, "Syntax errors in policy."))


@lru_cache(SESSION_POLICIES_CACHED)
def session_policy(text: str) -> Policy:
    """The policy of a session's token, which was valid when the token was made."""
    return stored_policy(text)


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
    return _compiled(document, statements, trust=True)


def parse_resource_policy(text: str) -> Policy:
    """A policy of a resource (a queue's, a function's). Raises AwsError MalformedPolicyDocument.

    Services answer a broken one in words of their own, most of them without saying what is wrong.
    """
    document = _decode(text, "This policy contains invalid Json")
    statements = _statements(document, "Could not parse the policy: Statement is empty!")
    for fields in statements:
        _check_syntax(fields, "Syntax error in policy.")
        if ("Principal" in fields) is ("NotPrincipal" in fields):
            _malformed("Missing required field Principal")
        if not fields.get("Action") and not fields.get("NotAction"):
            _malformed("Missing required field Action")
        _check_condition_keys(fields)
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
    for resource in strings(fields.get("Resource", fields.get("NotResource"))):
        if error := resource_error(resource):
            _malformed(error)


def _check_vendors(fields: Json) -> None:
    for action in strings(fields.get("Action", fields.get("NotAction"))):
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
    actions = strings(fields.get("Action", fields.get("NotAction")))
    if not actions:
        _malformed("Missing required field Action")
    if not all(action.lower().startswith("sts:") for action in actions):
        _malformed("AssumeRole policy may only specify STS AssumeRole actions.")
    _check_condition_keys(fields)


def _compiled(document: Json, statements: Sequence[Json], *, trust: bool = False) -> Policy:
    variables = document.get("Version") == VERSION
    try:
        return Policy(
            [
                Statement(fields, _principals(fields, trust=trust), variables=variables)
                for fields in statements
            ]
        )
    except ConditionError as error:
        _malformed(str(error))


def _principals(fields: Json, *, trust: bool) -> Principals | None:
    if "NotPrincipal" in fields:
        return parse_principals(fields["NotPrincipal"], negated=True)
    return parse_principals(fields["Principal"], trust=trust) if "Principal" in fields else None


def _is_strings(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _is_condition(block: Any) -> bool:
    return isinstance(block, dict) and all(
        isinstance(keys, dict)
        and all(
            isinstance(item, str | int | float) for value in keys.values() for item in condition_values(value)
        )
        for keys in block.values()
    )
