"""Policies of functions and layer versions: statements that AddPermission and its like made."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.errors import AwsError
from noria.policy.document import parse_resource_policy
from noria.policy.statement import Policy
from noria.services.lambda_ import errors
from noria.services.lambda_.limits import POLICY_BYTES

SERVICE_PRINCIPAL = re.compile(r"[a-zA-Z0-9.-]+\.amazon(?:aws)?\.com(?:\.cn)?")
ACCOUNT = re.compile(r"\d{12}")
IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|(?:user|role|assumed-role|federated-user)/.+)"
)


class FunctionPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """statements: as AWS's JSON has them, in the order in which they were added.

    frame: the document's other members, of one that was put as a whole.
    """

    statements: list[dict[str, Any]]
    revision_id: str
    frame: dict[str, str] | None = None

    @property
    def document(self) -> str:
        frame = {"Version": "2012-10-17", "Id": "default"} if self.frame is None else self.frame
        return json.dumps({**frame, "Statement": self.statements}, separators=(",", ":"))

    def compiled(self) -> Policy:
        return parse_resource_policy(self.document)


def principal_element(principal: str) -> Any:
    """The Principal of a statement. Raises InvalidParameterValueException."""
    if principal == "*":
        return "*"
    if ACCOUNT.fullmatch(principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if IDENTITY.fullmatch(principal):
        return {"AWS": principal}
    if SERVICE_PRINCIPAL.fullmatch(principal):
        return {"Service": principal}
    raise errors.invalid_parameter(
        "The provided principal was invalid. Please check the principal and try again."
    )


def statement(
    statement_id: str, principal: Any, action: str, resource: str, condition: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """condition: by operator; empty operators are left out."""
    made: dict[str, Any] = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": resource,
    }
    given = {operator: dict(keys) for operator, keys in condition.items() if keys}
    return made | {"Condition": given} if given else made


def with_statement(
    policy: FunctionPolicy | None, added: Mapping[str, Any], revision_id: str | None, operation: str
) -> FunctionPolicy:
    """operation: which tells the latest revision. Raises AWS's errors."""
    check_revision(policy, revision_id, operation)
    statements: Sequence[dict[str, Any]] = policy.statements if policy else ()
    if any(old.get("Sid") == added["Sid"] for old in statements):
        raise errors.statement_exists(added["Sid"])
    return _checked(_changed(policy, [*statements, dict(added)]))


def _changed(policy: FunctionPolicy | None, statements: list[dict[str, Any]]) -> FunctionPolicy:
    if policy is None:
        return FunctionPolicy(statements, str(uuid.uuid4()))
    return msgspec.structs.replace(policy, statements=statements, revision_id=str(uuid.uuid4()))


def _checked(made: FunctionPolicy) -> FunctionPolicy:
    if len(made.document.encode()) > POLICY_BYTES:
        raise errors.policy_too_long(len(made.document.encode()), POLICY_BYTES)
    made.compiled()  # so that the evaluator can read whatever is stored
    return made


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a whole policy may have."""

    statement: list[dict[str, Any]] | dict[str, Any] = msgspec.field(name="Statement")
    version: str | None = msgspec.field(name="Version", default=None)
    policy_id: str | None = msgspec.field(name="Id", default=None)


def whole(text: str, arn: str) -> FunctionPolicy:
    """A policy as PutResourcePolicy has it, about that function, version or alias. Raises AWS's errors."""
    try:
        document = msgspec.json.decode(text, type=_Document)
        listed = document.statement if isinstance(document.statement, list) else [document.statement]
        given = {"Version": document.version, "Id": document.policy_id}
        frame = {name: value for name, value in given.items() if value is not None}
        made = _checked(FunctionPolicy(listed, str(uuid.uuid4()), frame))
    except msgspec.MsgspecError as error:
        raise errors.invalid_parameter(f"The policy is not valid: {error}") from error
    except AwsError as error:
        if error.code != "MalformedPolicyDocument":
            raise
        raise errors.invalid_parameter(f"The policy is not valid: {error.message}") from error
    if any(each.get("Resource", arn) not in (arn, [arn]) for each in listed):
        raise errors.invalid_parameter(f"The policy is not valid: its statements have to be about {arn}")
    return made


def without_statement(
    policy: FunctionPolicy | None, statement_id: str, revision_id: str | None, operation: str
) -> FunctionPolicy | None:
    """None once no statement is left. Raises AWS's errors."""
    if policy is None:
        raise errors.not_found("No policy is associated with the given resource.")
    check_revision(policy, revision_id, operation)
    left = [old for old in policy.statements if old.get("Sid") != statement_id]
    if len(left) == len(policy.statements):
        raise errors.not_found(f"Statement {statement_id} is not found in resource policy.")
    return _changed(policy, left) if left else None


def check_revision(policy: FunctionPolicy | None, revision_id: str | None, operation: str) -> None:
    if revision_id is not None and (policy is None or policy.revision_id != revision_id):
        raise errors.revision_mismatch(operation)
