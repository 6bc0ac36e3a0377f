"""IAM's errors, in AWS's words."""

from __future__ import annotations

from noria.errors import AwsError


def no_such_role(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)


def no_such_role_policy(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role policy with name {name} cannot be found.", 404)


def no_such_policy(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)


def not_attachable(arn: str) -> AwsError:
    return AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)


def no_such_version(arn: str, version_id: str) -> AwsError:
    return AwsError(
        "NoSuchEntity", f"Policy {arn} version {version_id} does not exist or is not attachable.", 404
    )


def role_exists(name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"Role with name {name} already exists.", 409)


def policy_exists(name: str) -> AwsError:
    text = f"A policy called {name} already exists. Duplicate names are not allowed."
    return AwsError("EntityAlreadyExists", text, 409)


def quota_exceeded(quota: str, limit: int) -> AwsError:
    return AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}", 409)


def inline_size_exceeded(limit: int, role: str) -> AwsError:
    return AwsError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for role {role}", 409)


def delete_conflict(text: str) -> AwsError:
    return AwsError("DeleteConflict", text, 409)


def invalid_arn() -> AwsError:
    return AwsError("ValidationError", "Invalid ARN:  Could not be parsed!", 400)


def not_your_own(arn: str) -> AwsError:
    return AwsError("AccessDenied", f"Policy {arn} is outside your own account.", 403)


def invalid_marker() -> AwsError:
    return AwsError("ValidationError", "Invalid Marker.", 400)
