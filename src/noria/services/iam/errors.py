"""IAM's errors, in AWS's words."""

from __future__ import annotations

from noria.errors import AwsError
from noria.services.iam.models import Entity, PolicyHolder, Role


def _no_such(text: str) -> AwsError:
    return AwsError("NoSuchEntity", text, 404)


def _exists(text: str) -> AwsError:
    return AwsError("EntityAlreadyExists", text, 409)


def invalid(text: str) -> AwsError:
    return AwsError("ValidationError", text, 400)


def invalid_input(text: str) -> AwsError:
    return AwsError("InvalidInput", text, 400)


def no_such_entity(kind: str, name: str) -> AwsError:
    """kind: ``user``, ``group`` or ``role``."""
    return _no_such(f"The {kind} with name {name} cannot be found.")


def no_such_inline_policy(kind: str, name: str) -> AwsError:
    return _no_such(f"The {kind} policy with name {name} cannot be found.")


def no_such_boundary(kind: str, name: str) -> AwsError:
    return _no_such(f"The {kind} with name {name} has no permissions boundary.")


def no_such_instance_profile(name: str) -> AwsError:
    return _no_such(f"Instance Profile {name} cannot be found.")


def no_such_oidc_provider(arn: str) -> AwsError:
    return _no_such(f"OpenIDConnect Provider not found for arn {arn}")


def no_such_access_key(key_id: str) -> AwsError:
    return _no_such(f"The Access Key with id {key_id} cannot be found.")


def no_such_policy(arn: str) -> AwsError:
    return _no_such(f"Policy {arn} was not found.")


def not_attachable(arn: str) -> AwsError:
    return _no_such(f"Policy {arn} does not exist or is not attachable.")


def no_such_version(arn: str, version_id: str) -> AwsError:
    return _no_such(f"Policy {arn} version {version_id} does not exist or is not attachable.")


def no_such_alias(alias: str) -> AwsError:
    return _no_such(f"The account alias {alias} cannot be found.")


def entity_exists(kind: str, name: str) -> AwsError:
    return _exists(f"{kind.capitalize()} with name {name} already exists.")


def instance_profile_exists(name: str) -> AwsError:
    return _exists(f"Instance Profile {name} already exists.")


def oidc_provider_exists(url: str) -> AwsError:
    return _exists(f"Provider with url {url} already exists.")


def policy_exists(name: str) -> AwsError:
    return _exists(f"A policy called {name} already exists. Duplicate names are not allowed.")


def alias_exists(alias: str) -> AwsError:
    return _exists(f"The account alias {alias} already exists.")


def quota_exceeded(quota: str, limit: int) -> AwsError:
    return AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}", 409)


def too_many_versions(limit: int) -> AwsError:
    text = (
        f"A managed policy can have up to {limit} versions. Before you create a new version, you must delete"
        " an existing version."
    )
    return AwsError("LimitExceeded", text, 409)


def too_many_tags() -> AwsError:
    return AwsError("LimitExceeded", "The number of tags has reached the maximum limit.", 409)


def inline_size_exceeded(limit: int, kind: str, name: str) -> AwsError:
    return AwsError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {kind} {name}", 409)


def delete_conflict(text: str) -> AwsError:
    return AwsError("DeleteConflict", text, 409)


def check_without_policies(holder: PolicyHolder) -> None:
    """Raises DeleteConflict for one that has any."""
    if holder.attached:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if holder.inline:
        raise delete_conflict("Cannot delete entity, must delete policies first.")


def policy_has_versions() -> AwsError:
    return delete_conflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's"
        " versions. The default version is deleted with the policy."
    )


def check_modifiable(entity: Entity) -> None:
    """Raises UnmodifiableEntity for a role that only the service that it is linked to may change."""
    if isinstance(entity, Role) and entity.linked_service:
        role = f"the protected role '{entity.name}'"
        text = f"Cannot perform the operation on {role} - this role is only modifiable by AWS"
        raise AwsError("UnmodifiableEntity", text, 400)


def invalid_oidc_url() -> AwsError:
    return invalid("Invalid Open ID Connect Provider URL")


def invalid_arn() -> AwsError:
    return invalid("Invalid ARN:  Could not be parsed!")


def not_your_own(arn: str) -> AwsError:
    return AwsError("AccessDenied", f"Policy {arn} is outside your own account.", 403)


def invalid_marker() -> AwsError:
    return invalid("Invalid Marker.")


def not_a_user() -> AwsError:
    """Only a user may leave out the user's name."""
    return invalid("Must specify userName when calling with non-User credentials")
