"""What IAM stores, and how it shows it. Times are Unix time in seconds."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec

AWS_ACCOUNT = "aws"  # of AWS-managed policies, in their ARNs
FIRST_VERSION = "v1"

Tags = dict[str, str]


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """What has a name that is unique in its account, whatever its path. kind: as ARNs have it."""

    kind: ClassVar[str]
    name: str
    account: str
    path: str
    created_s: int

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:{self.kind}{self.path}{self.name}"


class PolicyHolder(Entity, frozen=True, kw_only=True):
    """A user, group or role. attached: ARNs of managed policies. inline: policy name → document."""

    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}

    @property
    def unique_id(self) -> str:
        raise NotImplementedError

    def policy_list(self) -> list[dict[str, Any]]:
        """The inline policies as GetAccountAuthorizationDetails shows them."""
        return [
            {"PolicyName": name, "PolicyDocument": encoded(document)}
            for name, document in self.inline.items()
        ]


class Bounded(PolicyHolder, frozen=True, kw_only=True):
    """A user or role: has tags, and may have a permissions boundary (the ARN of a managed policy)."""

    boundary: str | None = None
    tags: Tags = {}

    def details(self) -> dict[str, Any]:
        """What a list leaves out and a look at the one shows."""
        boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": self.boundary}
        return {
            "PermissionsBoundary": boundary if self.boundary else None,
            "Tags": shown_tags(self.tags) or None,
        }


class AccessKey(msgspec.Struct, frozen=True):
    """A long-term key of a user."""

    key_id: str
    secret: str
    created_s: int
    active: bool = True


class ServiceCredential(msgspec.Struct, frozen=True):
    """A password for one service (CodeCommit, say), which Noria keeps and nothing in it asks for."""

    credential_id: str
    service: str
    service_user: str
    created_s: int
    active: bool = True


class User(Bounded, frozen=True, kw_only=True):
    """A user. groups: names of those that it is in."""

    kind: ClassVar[str] = "user"
    user_id: str
    groups: tuple[str, ...] = ()
    keys: tuple[AccessKey, ...] = ()
    service_credentials: tuple[ServiceCredential, ...] = ()

    @property
    def unique_id(self) -> str:
        return self.user_id

    def listed(self) -> dict[str, Any]:
        """As ListUsers shows it."""
        return {
            "Path": self.path,
            "UserName": self.name,
            "UserId": self.user_id,
            "Arn": self.arn,
            "CreateDate": self.created_s,
        }


class Group(PolicyHolder, frozen=True, kw_only=True):
    """A group; who is in it, its users know."""

    kind: ClassVar[str] = "group"
    group_id: str

    @property
    def unique_id(self) -> str:
        return self.group_id

    def listed(self) -> dict[str, Any]:
        return {
            "Path": self.path,
            "GroupName": self.name,
            "GroupId": self.group_id,
            "Arn": self.arn,
            "CreateDate": self.created_s,
        }


class Role(Bounded, frozen=True, kw_only=True):
    """A role. trust: the document. linked_service: whose role it is, for a service-linked one."""

    kind: ClassVar[str] = "role"
    role_id: str
    trust: str
    max_session_s: int
    description: str | None = None
    linked_service: str = ""

    @property
    def unique_id(self) -> str:
        return self.role_id

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


class InstanceProfile(Entity, frozen=True, kw_only=True):
    """What hands a role to a machine. roles: names, at most one."""

    kind: ClassVar[str] = "instance-profile"
    profile_id: str
    roles: tuple[str, ...] = ()
    tags: Tags = {}

    def listed(self, roles: list[dict[str, Any]]) -> dict[str, Any]:
        """roles: as ListRoles shows them."""
        return {
            "Path": self.path,
            "InstanceProfileName": self.name,
            "InstanceProfileId": self.profile_id,
            "Arn": self.arn,
            "CreateDate": self.created_s,
            "Roles": roles,
        }


class OidcProvider(Entity, frozen=True, kw_only=True):
    """An OpenID Connect provider, whose tokens stand for its users. name: its URL without the scheme.

    url: the issuer that its tokens name. thumbprints: SHA-1, in hex, of the certificates that are trusted
    where none of the usual authorities vouches for the server.
    """

    kind: ClassVar[str] = "oidc-provider"
    url: str
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    tags: Tags = {}


class PolicyVersion(msgspec.Struct, frozen=True):
    """A version of a managed policy. number: 1 for ``v1``."""

    number: int
    document: str
    created_s: int

    @property
    def version_id(self) -> str:
        return f"v{self.number}"


class ManagedPolicy(msgspec.Struct, frozen=True):
    """A managed policy; account ``aws`` for AWS's own.

    document, version_id: of the default version. versions: all of them; empty while there is but the first.
    updated_s: when a version was last made or chosen; None while none was.
    """

    name: str
    account: str
    path: str
    policy_id: str
    created_s: int
    document: str
    description: str | None = None
    version_id: str = FIRST_VERSION
    updated_s: int | None = None
    versions: tuple[PolicyVersion, ...] = ()
    latest: int = 1  # the highest number that a version has ever had: numbers are not used again
    tags: Tags = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:policy{self.path}{self.name}"

    def all_versions(self) -> tuple[PolicyVersion, ...]:
        if self.versions:
            return self.versions
        created_s = self.updated_s if self.account == AWS_ACCOUNT and self.updated_s else self.created_s
        return (PolicyVersion(int(self.version_id[1:]), self.document, created_s),)

    def version(self, version_id: str) -> PolicyVersion | None:
        return next((found for found in self.all_versions() if found.version_id == version_id), None)

    def listed(self, attachments: int, boundaries: int = 0) -> dict[str, Any]:
        """As ListPolicies shows it. attachments: to how many entities; boundaries: of how many it is one."""
        return {
            "PolicyName": self.name,
            "PolicyId": self.policy_id,
            "Arn": self.arn,
            "Path": self.path,
            "DefaultVersionId": self.version_id,
            "AttachmentCount": attachments,
            "PermissionsBoundaryUsageCount": boundaries,
            "IsAttachable": True,
            "CreateDate": self.created_s,
            "UpdateDate": self.updated_s or self.created_s,
        }

    def listed_version(self, version: PolicyVersion) -> dict[str, Any]:
        """As ListPolicyVersions shows it."""
        return {
            "VersionId": version.version_id,
            "IsDefaultVersion": version.version_id == self.version_id,
            "CreateDate": version.created_s,
        }


Holder = TypeVar("Holder", User, Group, Role)


def encoded(document: str) -> str:
    """AWS answers with policy documents percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def shown_tags(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
