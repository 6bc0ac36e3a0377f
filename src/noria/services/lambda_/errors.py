"""Lambda's errors, with AWS's texts."""

from __future__ import annotations

from noria.errors import AwsError

USER = {"Type": "User"}
SERVICE = {"Type": "Service"}


def function_not_found(arn: str) -> AwsError:
    return not_found(f"Function not found: {arn}")


def alias_not_found(arn: str) -> AwsError:
    return not_found(f"Cannot find alias arn: {arn}")


def not_found(text: str = "The resource you requested does not exist.") -> AwsError:
    return AwsError("ResourceNotFoundException", text, 404, members=USER)


def other_region(region: str, here: str) -> AwsError:
    text = f"Functions from '{region}' are not reachable in this region ('{here}')"
    return AwsError("ResourceNotFoundException", text, 404, members=USER)


def other_account() -> AwsError:
    """To create something in another account's name; AWS's text is this word."""
    return AwsError("AccessDeniedException", "null", 403)


def invalid_parameter(text: str) -> AwsError:
    return AwsError("InvalidParameterValueException", text, 400, members=USER)


def role_cannot_be_assumed() -> AwsError:
    return invalid_parameter("The role defined for the function cannot be assumed by Lambda.")


def foreign_role() -> AwsError:
    return AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)


def role_no_longer_assumable() -> AwsError:
    """The same of an Invoke, whose role has gone since the function was created."""
    text = "The role defined for the function cannot be assumed by Lambda."
    return AwsError("AccessDeniedException", text, 403, members=USER)


def bad_zip() -> AwsError:
    return invalid_parameter(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def package_not_kept(reason: str) -> AwsError:
    return AwsError("ServiceException", f"The package could not be kept: {reason}", 500, members=SERVICE)


def empty_zip() -> AwsError:
    return invalid_parameter("Uploaded file must be a non-empty zip")


def zipped_too_large() -> AwsError:
    from noria.services.lambda_.limits import ZIPPED_BYTES

    return AwsError(
        "RequestEntityTooLargeException", f"Zipped size must be smaller than {ZIPPED_BYTES} bytes", 413
    )


def code_storage_exceeded() -> AwsError:
    return AwsError("CodeStorageExceededException", "Code storage limit exceeded.", 400, members=USER)


def request_too_large(limit: int) -> AwsError:
    """The code that AWS answers with; its model lists RequestTooLargeException, which nobody has seen."""
    text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return AwsError("RequestEntityTooLargeException", text, 413, members=USER)


def event_too_large(size: int, limit: int) -> AwsError:
    text = f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)"
    return AwsError("RequestEntityTooLargeException", text, 413, members=USER)


def bad_payload(reason: str) -> AwsError:
    text = f"Could not parse request body into json: Could not parse payload into json: {reason}"
    return AwsError("InvalidRequestContentException", text, 400, members=USER)


def conflict(text: str) -> AwsError:
    return AwsError("ResourceConflictException", text, 409, members=USER)


def statement_exists(statement_id: str) -> AwsError:
    return conflict(
        f"The statement id ({statement_id}) provided already exists. Please provide a new statement id, or "
        "remove the existing statement."
    )


def policy_too_long(size: int, limit: int) -> AwsError:
    text = f"The final policy size ({size}) is bigger than the limit ({limit})."
    return AwsError("PolicyLengthExceededException", text, 400, members=USER)


def function_exists(name: str) -> AwsError:
    return conflict(f"Function already exist: {name}")


def update_in_progress(arn: str) -> AwsError:
    return conflict(
        f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
    )


def not_active(state: str) -> AwsError:
    return conflict(
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: {state}"
    )


def revision_mismatch(operation: str = "GetFunction/GetAlias") -> AwsError:
    """operation: which tells the latest."""
    text = (
        "The Revision Id provided does not match the latest Revision Id. "
        f"Call the {operation} API to retrieve the latest Revision Id"
    )
    return AwsError("PreconditionFailedException", text, 412, members=USER)


def too_many_requests(reason: str = "ConcurrentInvocationLimitExceeded") -> AwsError:
    members = {**USER, "Reason": reason}
    return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, members=members)


def tenant_missing() -> AwsError:
    return invalid_parameter(
        "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request "
        "and try again."
    )


def tenant_unexpected() -> AwsError:
    return invalid_parameter(
        "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your "
        "request and try again."
    )


def no_tenants_there(what: str) -> AwsError:
    """what: that AWS does not let functions have that isolate their tenants."""
    return invalid_parameter(f"{what} is not supported for functions with tenancy configuration.")


def code_not_verified(name: str) -> AwsError:
    """Its package is not signed, and its code signing configuration enforces that."""
    text = (
        "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
        f"client is not configured to accept. Check the provided signature for {name}."
    )
    return AwsError("CodeVerificationFailedException", text, 400, members=USER)


def no_provisioned_concurrency() -> AwsError:
    text = "No Provisioned Concurrency Config found for this function"
    return AwsError("ProvisionedConcurrencyConfigNotFoundException", text, 404, members=USER)


def recursive_invocation() -> AwsError:
    text = (
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services "
        "resources and stopped your function's invocation."
    )
    return AwsError("RecursiveInvocationException", text, 400, members=USER)


def service_stopping() -> AwsError:
    return AwsError("ServiceException", "The service is shutting down.", 500, members=SERVICE)


def environment_failed(reason: str) -> AwsError:
    """The machine could not run the function (no process, no memory); AWS's word for its own failures."""
    return AwsError(
        "ServiceException", f"The execution environment could not be started: {reason}", 500, members=SERVICE
    )
