"""SQS's errors: AWS's code, text, status, and the Query protocol's code where it differs.

Statuses and query codes are those of AWS's Smithy model (``aws.protocols#awsQueryError``); a recorded
``InvalidParameterValue`` is of type ``InvalidParameterValueException`` on the wire, with that query code.
"""

from __future__ import annotations

from noria.errors import AwsError

PREFIX = "AWS.SimpleQueueService."


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, query_code="InvalidParameterValue")


def invalid_value(value: object, parameter: str, reason: str) -> AwsError:
    return invalid_parameter(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing_parameter(name: str) -> AwsError:
    return AwsError(
        "MissingRequiredParameterException",
        f"The request must contain the parameter {name}.",
        query_code="MissingParameter",
    )


def no_queue_name() -> AwsError:
    return invalid_parameter("Value for parameter QueueName is invalid. Reason: Must specify a queue name.")


def unknown_attribute(name: str) -> AwsError:
    return AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute_value(name: str, reason: str = "") -> AwsError:
    more = f" Reason: {reason}" if reason else ""
    return AwsError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{more}")


def not_of_this_type(value: object, parameter: str) -> AwsError:
    return invalid_value(
        value, parameter, "The request include parameter that is not valid for this queue type."
    )


def no_such_queue() -> AwsError:
    return AwsError(
        "QueueDoesNotExist", "The specified queue does not exist.", query_code=PREFIX + "NonExistentQueue"
    )


def invalid_address(queue_url: str) -> AwsError:
    return AwsError("InvalidAddress", f"The address {queue_url} is not valid for this endpoint.", 404)


def foreign_queue(principal_arn: str, action: str, queue_arn: str) -> AwsError:
    """Another account's queue, for what only its owner may do, whatever the queue's policy says."""
    action = action.lower()
    return AwsError(
        "AccessDeniedException",
        f"User: {principal_arn} is not authorized to perform: {action} on resource: {queue_arn}"
        f" because no resource-based policy allows the {action} action",
        403,
        query_code="AccessDenied",
    )


def queue_name_exists(attribute: str) -> AwsError:
    return AwsError(
        "QueueNameExists",
        f"A queue already exists with the same name and a different value for attribute {attribute}",
        query_code="QueueAlreadyExists",
    )


def deleted_recently() -> AwsError:
    return AwsError(
        "QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        query_code=PREFIX + "QueueDeletedRecently",
    )


def resource_not_found(parameter: str) -> AwsError:
    return AwsError(
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
        404,
    )


def expired_receipt_handle(handle: str) -> AwsError:
    return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")


def purge_in_progress(name: str) -> AwsError:
    return AwsError(
        "PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.",
        403,
        query_code=PREFIX + "PurgeQueueInProgress",
    )


def over_limit() -> AwsError:
    return AwsError(
        "OverLimit",
        "The maximum number of in flight messages is reached.",
        403,
    )


def too_many_move_tasks(limit: int) -> AwsError:
    """The code is of those that StartMessageMoveTask has; the text is Noria's own."""
    return AwsError(
        "RequestThrottled", f"There are already {limit} active message movement tasks in this account.", 403
    )


def receipt_handle_is_invalid(handle: str) -> AwsError:
    return AwsError(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.'
    )


def invalid_contents() -> AwsError:
    return AwsError(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF"
        " | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    )


def message_too_long(limit_bytes: int) -> AwsError:
    return invalid_parameter(
        f"One or more parameters are invalid. Reason: Message must be shorter than {limit_bytes} bytes."
    )


def _batch(code: str, message: str) -> AwsError:
    return AwsError(code, message, query_code=PREFIX + code)


def empty_batch(entry: str) -> AwsError:
    return _batch("EmptyBatchRequest", f"There should be at least one {entry} in the request.")


def too_many_entries(count: int) -> AwsError:
    return _batch(
        "TooManyEntriesInBatchRequest",
        f"Maximum number of entries per request are 10. You have sent {count}.",
    )


def invalid_batch_entry_id() -> AwsError:
    return _batch(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
        " It can be at most 80 letters long.",
    )


def batch_entry_ids_not_distinct(entry_id: str) -> AwsError:
    return _batch("BatchEntryIdsNotDistinct", f"Id {entry_id} repeated.")


def batch_too_long(limit_bytes: int, sent_bytes: int) -> AwsError:
    return _batch(
        "BatchRequestTooLong",
        f"Batch requests cannot be longer than {limit_bytes} bytes. You have sent {sent_bytes} bytes.",
    )
