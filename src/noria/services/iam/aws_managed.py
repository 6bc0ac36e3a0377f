"""AWS-managed policies, with AWS's own documents, versions and dates (tools/aws_catalogue.py)."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from noria.services.iam.models import AWS_ACCOUNT, ManagedPolicy


class _Entry(msgspec.Struct):
    name: str
    path: str
    policy_id: str | None
    description: str | None
    version_id: str
    created_s: int
    updated_s: int
    document: str


class _Catalogue(msgspec.Struct):
    policies: list[_Entry]


@cache
def aws_managed() -> Mapping[str, ManagedPolicy]:
    """By ARN. Read once, when first asked for: some 30 ms."""
    content = gzip.decompress(files("noria.services.iam").joinpath("data/aws_managed.json.gz").read_bytes())
    catalogue = msgspec.json.decode(content, type=_Catalogue)
    return {policy.arn: policy for policy in map(_policy, catalogue.policies)}


def _policy(entry: _Entry) -> ManagedPolicy:
    return ManagedPolicy(
        name=entry.name,
        account=AWS_ACCOUNT,
        path=entry.path,
        policy_id=entry.policy_id or _made_up_id(entry.name),
        created_s=entry.created_s,
        document=entry.document,
        description=entry.description,
        version_id=entry.version_id,
        updated_s=entry.updated_s,
        latest=int(entry.version_id[1:]),
    )


def _made_up_id(name: str) -> str:
    """Where AWS's own is not known: of the same form, and always the same (docs/differences.md)."""
    return "ANPA" + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:17]
