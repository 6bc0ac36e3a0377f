"""What the service itself checks of documents and tags; the protocol has checked each member's own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from noria.policy.document import parse_identity_policy, parse_trust_policy, size
from noria.policy.principals import invalid_principal
from noria.services.iam import errors, limits
from noria.services.iam.models import Tags
from noria.services.iam.repository import Repository

RESERVED = "aws:"  # tags' keys that only AWS may make


def check_managed_document(document: str) -> None:
    """Raises MalformedPolicyDocument, LimitExceeded."""
    if size(document) > limits.MANAGED_POLICY_CHARS:
        raise errors.quota_exceeded("PolicySize", limits.MANAGED_POLICY_CHARS)
    parse_identity_policy(document)


async def check_trust(store: Repository, document: str) -> None:
    """Raises MalformedPolicyDocument, also for a principal that does not exist, and LimitExceeded."""
    if size(document) > limits.TRUST_POLICY_CHARS:
        raise errors.quota_exceeded("ACLSizePerRole", limits.TRUST_POLICY_CHARS)
    for arn in sorted(parse_trust_policy(document).named_principals()):
        if ":iam:" not in arn:
            continue  # a session may be named before it is made
        if await store.roles.by_arn(arn) is None and await store.users.by_arn(arn) is None:
            raise invalid_principal("AWS", arn)


def new_tags(asked: Sequence[Mapping[str, str]] | None) -> Tags:
    """Of something that is being made. Raises InvalidInput."""
    return with_tags({}, asked or ())


def with_tags(tags: Tags, added: Sequence[Mapping[str, str]]) -> Tags:
    """`tags` and those added; keys are the same whatever their case. Raises InvalidInput, LimitExceeded."""
    keys = [tag["Key"].lower() for tag in added]
    if len(set(keys)) < len(keys):
        raise errors.invalid_input(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(key.startswith(RESERVED) for key in keys):
        raise errors.invalid_input(f'Tag keys with the prefix "{RESERVED}" are reserved for AWS.')
    kept = {key: value for key, value in tags.items() if key.lower() not in keys}
    result = kept | {tag["Key"]: tag["Value"] for tag in added}
    if len(result) > limits.TAGS_PER_RESOURCE:
        raise errors.too_many_tags()
    return result


def without_tags(tags: Tags, keys: Sequence[str]) -> Tags:
    """What has no such key is no error."""
    gone = {key.lower() for key in keys}
    return {key: value for key, value in tags.items() if key.lower() not in gone}
