"""What IAM stores, and how it shows it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

AWS_ACCOUNT = "aws"  # of AWS-managed policies, in their ARNs
POLICY_VERSION = "v1"  # until versions can be created, the only one


class Role(msgspec.Struct, frozen=True):
    """A role. created_s: Unix time. attached: ARNs of managed policies. inline: policy name → document."""

    name: str
    account: str
    path: str
    role_id: str
    created_s: int
    trust: str
    max_session_s: int
    description: str | None = None
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"

    def listed(self) -> dict[str, Any]:
        """As ListRoles shows it."""
        return {
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.role_id,
            "Arn": self.arn,
            "CreateDate": self.created_s,
            "AssumeRolePolicyDocument": encoded(self.trust),
            "Description": self.description,
            "MaxSessionDuration": self.max_session_s,
        }


class ManagedPolicy(msgspec.Struct, frozen=True):
    """A managed policy; account ``aws`` for AWS's own."""

    name: str
    account: str
    path: str
    policy_id: str
    created_s: int
    document: str
    description: str | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:policy{self.path}{self.name}"

    def listed(self, attachments: int) -> dict[str, Any]:
        """As ListPolicies shows it. attachments: how many roles it is attached to."""
        return {
            "PolicyName": self.name,
            "PolicyId": self.policy_id,
            "Arn": self.arn,
            "Path": self.path,
            "DefaultVersionId": POLICY_VERSION,
            "AttachmentCount": attachments,
            "PermissionsBoundaryUsageCount": 0,
            "IsAttachable": True,
            "CreateDate": self.created_s,
            "UpdateDate": self.created_s,
        }

    def version(self) -> dict[str, Any]:
        """As ListPolicyVersions shows its only version."""
        return {"VersionId": POLICY_VERSION, "IsDefaultVersion": True, "CreateDate": self.created_s}


def encoded(document: str) -> str:
    """AWS answers with policy documents percent-encoded (RFC 3986)."""
    return quote(document, safe="")
