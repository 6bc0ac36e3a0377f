"""CloudWatch Logs' errors, with AWS's texts."""

from __future__ import annotations

from noria.errors import AwsError
from noria.services.logs.limits import MAX_TAGS


def invalid_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def no_such_group() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_such_stream() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def group_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")


def invalid_token() -> AwsError:
    return invalid_parameter("The specified nextToken is invalid.")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsException", f"A resource can have at most {MAX_TAGS} tags.")


def no_such_resource() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified resource does not exist.")


def limit_exceeded() -> AwsError:
    return AwsError("LimitExceededException", "Resource limit exceeded.")


def protected(group: str) -> AwsError:
    return AwsError("ValidationException", f"Deletion protection is enabled for the log group {group}.")


def no_such_policy(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Policy with name [{name}] does not exist.")


def no_such_metric_filter() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified metric filter does not exist.")


def no_such_subscription() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified subscription filter does not exist.")


def destination_out_of_reach() -> AwsError:
    return invalid_parameter(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to "
        "execute your function."
    )


def no_such_record() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log record does not exist.")
