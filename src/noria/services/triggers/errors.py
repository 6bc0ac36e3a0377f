"""The errors of event source mappings, with Lambda's texts."""

from __future__ import annotations

from noria.errors import AwsError

USER = {"Type": "User"}


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, 400, members=USER)


def no_such_mapping() -> AwsError:
    return AwsError(
        "ResourceNotFoundException", "The resource you requested does not exist.", 404, members=USER
    )


def no_such_function() -> AwsError:
    return invalid_parameter("Function does not exist")


def role_not_assumable() -> AwsError:
    return invalid_parameter("The role defined for the function cannot be assumed by Lambda.")


def role_lacks(operation: str) -> AwsError:
    return invalid_parameter(
        f"The function execution role does not have permissions to call {operation} on SQS"
    )


def queue_refused(code: str, message: str) -> AwsError:
    """code: SQS's, as its Query protocol has it."""
    return invalid_parameter(
        f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {message}"
    )


def no_such_queue() -> AwsError:
    return queue_refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def mapping_exists(source_arn: str, function_name: str, uuid: str) -> AwsError:
    return AwsError(
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {source_arn} ") and function (" {function_name} ")'
        f" already exists. Please update or delete the existing mapping with UUID {uuid}",
        409,
        members=USER,
    )


def invalid_filter() -> AwsError:
    return invalid_parameter("Invalid filter pattern definition.")


def too_many_filters(limit: int) -> AwsError:
    """AWS's own text is not recorded."""
    return invalid_parameter(f"Filter criteria cannot have more than {limit} filters.")


def in_use(verb: str) -> AwsError:
    """verb: ``update`` or ``delete``."""
    return AwsError(
        "ResourceInUseException",
        f"Cannot {verb} the event source mapping because it is in use.",
        400,
        members=USER,
    )


def invalid_pollers() -> AwsError:
    """AWS's own text is not recorded."""
    return invalid_parameter(
        "MinimumPollers must be between 2 and 200, and MaximumPollers between MinimumPollers and 2000."
    )


def two_scaling_modes() -> AwsError:
    """AWS's own text is not recorded."""
    return invalid_parameter("ScalingConfig and ProvisionedPollerConfig cannot be used together.")


def unfit_metric(name: str) -> AwsError:
    """AWS's own text is not recorded."""
    return invalid_parameter(f"The metric {name} is not supported for an SQS event source.")


def no_destinations() -> AwsError:
    return invalid_parameter("Unsupported DestinationConfig parameter for given event source mapping type.")


def tagged_mapping_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Event source mapping not found: {arn}", 404, members=USER)
