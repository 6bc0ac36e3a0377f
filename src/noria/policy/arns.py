"""What AWS checks of the ARNs in a Resource element when a policy is created."""

from __future__ import annotations

PARTITIONS = frozenset(
    ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*")
)
NO_REGION = {
    "iam": "IAM resource {} cannot contain region information.",
    "s3": "Resource {} can not contain region information.",
}
IAM_PATHS = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)


def resource_error(resource: str) -> str | None:
    """AWS's text for a Resource that it refuses; None for one that it takes."""
    if resource == "*":
        return None
    parts = resource.split(":", 5)
    if parts[0] != "arn" or len(parts) < 2:
        return f'Resource {resource} must be in ARN format or "*".'
    partition, rest = parts[1], parts[2:]
    if partition not in PARTITIONS:
        padded = ":".join((rest + ["*"] * 4)[:4])
        return f'Partition "{partition}" is not valid for resource "arn:{partition}:{padded}".'
    service = rest[0] if rest else ""
    if not rest or "*" in service or "?" in service:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    if not service or (len(parts) < 6 and "::" in resource):
        return "The policy failed legacy parsing"
    if service in NO_REGION and len(rest) > 1 and rest[1] not in ("", "*"):
        return NO_REGION[service].format(resource)
    path = rest[3] if len(rest) > 3 else "*"
    if service == "iam" and not path.startswith(IAM_PATHS) and not any(mark in path for mark in "*?$"):
        return f'IAM resource path must either be "*" or start with {", ".join(IAM_PATHS)}.'
    return None
