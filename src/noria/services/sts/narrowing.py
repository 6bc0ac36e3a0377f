"""What a session is given beside a name: policies that narrow it, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from noria.errors import AwsError, not_implemented
from noria.policy.document import parse_identity_policy
from noria.policy.match import ContextValue
from noria.services.ports import RoleDirectory

SESSION_POLICIES_CHARS = 2048  # the inline policy and the ARNs, as AWS counts the plain text
SESSION_POLICY_ARNS = 10
PACKED_CHARS = 8192  # of the token: HTTP headers, and so tokens, must stay well under 16 KB

Tags = tuple[tuple[str, str], ...]
Asked = Sequence[Mapping[str, str]]


def invalid(text: str) -> AwsError:
    return AwsError("ValidationError", text, 400)


async def session_policies(
    directory: RoleDirectory, operation: str, account: str, policy: str | None, policy_arns: Asked
) -> tuple[str, ...]:
    """The documents that narrow the session. Managed ones are taken as they are now, as on AWS.

    account: whose managed policies may be named. Raises AwsError.
    """
    arns = []
    for item in policy_arns:
        if item.keys() != {"arn"}:
            raise not_implemented(f"{operation}'s PolicyArns without arn")
        arns.append(item["arn"])
    if len(arns) > SESSION_POLICY_ARNS:
        raise invalid(f"The number of policy ARNs exceeds the limit of {SESSION_POLICY_ARNS}.")
    if sum(map(len, arns)) + len(policy or "") > SESSION_POLICIES_CHARS:
        text = f"The plain text of the session policies exceeds {SESSION_POLICIES_CHARS} characters."
        raise AwsError("PackedPolicyTooLarge", text, 400)
    documents = []
    if policy is not None:
        parse_identity_policy(policy)
        documents.append(policy)
    for arn in arns:
        document = await directory.policy_document(arn, account)
        if document is None:
            raise invalid(f"Policy {arn} does not exist or is not attachable.")
        documents.append(document)
    return tuple(documents)


def session_tags(asked: Asked, transitive: Sequence[str], inherited: Tags) -> Tags:
    """The session's tags: those asked for, and those that a chain of roles hands on. Raises AwsError.

    transitive: keys of those asked for that the session is to hand on. inherited: by the calling session.
    """
    keys = {tag["Key"].lower() for tag in asked}
    if len(keys) < len(asked):
        text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        raise AwsError("InvalidParameterValue", text, 400)
    if not {key.lower() for key in transitive} <= keys:
        raise invalid("The specified transitive tag key must be included in the requested tags.")
    if keys & {key.lower() for key, _ in inherited}:
        text = (
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag"
            " key from the calling session."
        )
        raise AwsError("InvalidParameterValue", text, 400)
    return (*inherited, *((tag["Key"], tag["Value"]) for tag in asked))


def tag_conditions(asked: Asked, transitive: Sequence[str] = ()) -> dict[str, ContextValue]:
    """The condition keys of the tags that a request asks for."""
    conditions: dict[str, ContextValue] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in asked}
    if asked:
        conditions["aws:TagKeys"] = [tag["Key"] for tag in asked]
    if transitive:
        conditions["sts:TransitiveTagKeys"] = list(transitive)
    return conditions


def packed_percent(token: str) -> int:
    """How much of the space for policies and tags a token takes. Raises PackedPolicyTooLarge."""
    percent = len(token) * 100 // PACKED_CHARS
    if percent > 100:
        text = f"Packed size of session policies consumes {percent}% of allotted space."
        raise AwsError("PackedPolicyTooLarge", text, 400)
    return percent
