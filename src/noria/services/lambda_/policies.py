"""Policies of functions and layer versions: statements that AddPermission and its like made."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.policy.document import parse_resource_policy
from noria.policy.statement import Policy
from noria.services.lambda_ import errors
from noria.services.lambda_.limits import POLICY_BYTES

SERVICE_PRINCIPAL = re.compile(r"[a-zA-Z0-9.-]+\.amazon(?:aws)?\.com(?:\.cn)?")
ACCOUNT = re.compile(r"\d{12}")
IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|(?:user|role|assumed-role|federated-user)/.+)"
)


class FunctionPolicy(msgspec.Struct, frozen=True):
    """statements: as AWS's JSON has them, in the order in which they were added."""

    statements: list[dict[str, Any]]
    revision_id: str

    @property
    def document(self) -> str:
        return json.dumps(
            {"Version": "2012-10-17", "Id": "default", "Statement": self.statements}, separators=(",", ":")
        )

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
    if any(old["Sid"] == added["Sid"] for old in statements):
        raise errors.statement_exists(added["Sid"])
    made = FunctionPolicy([*statements, dict(added)], str(uuid.uuid4()))
    if len(made.document.encode()) > POLICY_BYTES:
        raise errors.policy_too_long(len(made.document.encode()), POLICY_BYTES)
    made.compiled()  # so that the evaluator can read whatever is stored
    return made


def without_statement(
    policy: FunctionPolicy | None, statement_id: str, revision_id: str | None, operation: str
) -> FunctionPolicy | None:
    """None once no statement is left. Raises AWS's errors."""
    if policy is None:
        raise errors.not_found("No policy is associated with the given resource.")
    check_revision(policy, revision_id, operation)
    left = [old for old in policy.statements if old["Sid"] != statement_id]
    if len(left) == len(policy.statements):
        raise errors.not_found(f"Statement {statement_id} is not found in resource policy.")
    return FunctionPolicy(left, str(uuid.uuid4())) if left else None


def check_revision(policy: FunctionPolicy | None, revision_id: str | None, operation: str) -> None:
    if revision_id is not None and (policy is None or policy.revision_id != revision_id):
        raise errors.revision_mismatch(operation)
