"""What goes wrong in the exercise when a step is left out: the `aws` command shows what it shows on AWS."""

from __future__ import annotations

import json
import re

import pytest
from tests.support.aws import BASIC_EXECUTION, Aws, allow, package, trust, unique
from tests.support.server import ServerProcess
from tests.support.shell import Shell

from noria.activity25.package import source

PRODUCER = source("producer")
REGION_ACCOUNT = "us-east-1:000000000000"
SERVICE_ERROR = (254, 255)  # of the `aws` command's versions


def failure(shell: Shell, command: str, **variables: str) -> str:
    """The last line of what a command complains about."""
    done = shell.run(f'eval "$(noria env)"; {command}', **variables)
    assert done.returncode in SERVICE_ERROR, done.stdout + done.stderr
    return done.stderr.strip().rpartition("\n")[2]


def error(code: str, operation: str, text: str) -> str:
    return f"An error occurred ({code}) when calling the {operation} operation: {text}"


def invoke(shell: Shell, function: str) -> tuple[dict[str, str], dict[str, object]]:
    """(payload, the rest) of ``aws lambda invoke … /dev/stdout``, the exercise's own command."""
    output = shell.output(f"noria aws lambda invoke --function-name {function} /dev/stdout")
    payload, end = json.JSONDecoder().raw_decode(output)
    return payload, json.loads(output[end:])


def producer(aws: Aws, role: str, queue_url: str | None) -> str:
    variables = {} if queue_url is None else {"QUEUE_URL": queue_url}
    return aws.function(PRODUCER, role, handler="app.lambda_handler", Environment={"Variables": variables})


def test_step_3_a_malformed_policy(shell: Shell) -> None:
    statement = '{"Effect": "Allow", "Resource": "*"}'
    (shell.home / "policy.json").write_text(f'{{"Version": "2012-10-17", "Statement": [{statement}]}}')
    assert failure(
        shell, "aws iam create-policy --policy-name p --policy-document file://policy.json"
    ) == error("MalformedPolicyDocument", "CreatePolicy", "Policy statement must contain actions.")


def test_step_4_a_producer_without_the_policy_is_denied(aws: Aws, shell: Shell) -> None:
    role = aws.role(BASIC_EXECUTION)
    name = unique("forbidden")
    url, arn = aws.queue(name)
    function = producer(aws, role, url)
    payload, rest = invoke(shell, function)
    assert rest == {"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"}
    session = f"arn:aws:sts::000000000000:assumed-role/{role.rpartition('/')[2]}/{function}"
    assert payload["errorType"] == "ClientError"
    assert payload["errorMessage"] == error(
        "AccessDenied",
        "SendMessage",
        f"User: {session} is not authorized to perform: sqs:sendmessage on resource: {arn} "
        "because no identity-based policy allows the sqs:sendmessage action",
    )
    lines = "".join(aws.log_lines(function))
    assert "is not authorized to perform: sqs:sendmessage" in lines
    assert (
        json.loads(
            shell.output(f"noria aws sqs get-queue-attributes --queue-url {url} --attribute-names All")
        )["Attributes"]["ApproximateNumberOfMessages"]
        == "0"
    )


def test_step_4_a_role_without_the_logs_policy_runs_and_leaves_no_logs(aws: Aws, shell: Shell) -> None:
    url, arn = aws.queue()
    function = producer(aws, aws.role(send=allow("sqs:*", arn)), url)
    payload, rest = invoke(shell, function)
    assert rest == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert payload["task"].startswith("task ")
    assert failure(shell, f"aws logs filter-log-events --log-group-name /aws/lambda/{function}") == error(
        "ResourceNotFoundException", "FilterLogEvents", "The specified log group does not exist."
    )


def test_step_5_a_role_that_lambda_may_not_assume(aws: Aws, shell: Shell) -> None:
    role = aws.role(trusting=trust({"AWS": "arn:aws:iam::000000000000:root"}))
    (shell.home / "app.zip").write_bytes(package(PRODUCER))
    command = (
        "aws lambda create-function --function-name untrusted --runtime python3.12 "
        f"--handler app.lambda_handler --zip-file fileb://app.zip --role {role}"
    )
    assert failure(shell, command) == error(
        "InvalidParameterValueException",
        "CreateFunction",
        "The role defined for the function cannot be assumed by Lambda.",
    )


def test_step_5_a_package_that_is_broken(aws: Aws, shell: Shell) -> None:
    whole = package(PRODUCER)
    (shell.home / "app.zip").write_bytes(
        b"XXXX" + whole[4:]
    )  # the `aws` command itself refuses what is no zip at all
    command = (
        "aws lambda create-function --function-name broken --runtime python3.12 "
        f"--handler app.lambda_handler --zip-file fileb://app.zip --role {aws.role()}"
    )
    assert failure(shell, command) == error(
        "InvalidParameterValueException",
        "CreateFunction",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )


def test_step_5_the_handler_was_not_edited(aws: Aws, shell: Shell) -> None:
    function = aws.function(PRODUCER, aws.role(), handler="lambda_function.lambda_handler")
    payload, rest = invoke(shell, function)
    assert rest["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert payload["errorMessage"] == (
        "Unable to import module 'lambda_function': No module named 'lambda_function'"
    )


def test_step_5_queue_url_is_missing(aws: Aws, shell: Shell) -> None:
    payload, rest = invoke(shell, producer(aws, aws.role(), None))
    assert rest["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("KeyError", "'QUEUE_URL'")


def test_step_5_queue_url_names_no_queue(aws: Aws, server: ServerProcess, shell: Shell) -> None:
    role = aws.role(send=allow("sqs:*", "*"))
    payload, _ = invoke(shell, producer(aws, role, f"{server.url}/000000000000/{unique('missing')}"))
    assert payload["errorType"] == "QueueDoesNotExist"
    assert payload["errorMessage"] == error(
        "AWS.SimpleQueueService.NonExistentQueue", "SendMessage", "The specified queue does not exist."
    )


def test_step_6_a_function_that_is_not_there(shell: Shell) -> None:
    assert failure(shell, "aws lambda invoke --function-name nobody /dev/stdout") == error(
        "ResourceNotFoundException",
        "Invoke",
        f"Function not found: arn:aws:lambda:{REGION_ACCOUNT}:function:nobody:$LATEST",
    )


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            r"The request signature we calculated does not match the signature you provided\. Check your AWS "
            r"Secret Access Key and signing method\. Consult the service documentation for details\.",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"},
            r"The security token included in the request is invalid\.",
        ),
    ],
)
@pytest.mark.parametrize("command", ["sqs list-queues", "iam list-roles", "lambda list-functions"])
def test_wrong_keys(shell: Shell, command: str, variables: dict[str, str], text: str) -> None:
    override = " ".join(f"{name}={value}" for name, value in variables.items())
    assert re.search(rf"An error occurred \(\w+\) when calling the \w+ operation: {text}$",
                     failure(shell, f"{override} aws {command}"))  # fmt: skip


def test_step_8_a_role_that_may_not_receive(aws: Aws, shell: Shell) -> None:
    _, arn = aws.queue()
    role = aws.role(BASIC_EXECUTION, send=allow("sqs:SendMessage", arn))
    function = aws.function(source("consumer"), role, handler="app.lambda_handler")
    command = f"aws lambda create-event-source-mapping --function-name {function} --event-source-arn {arn}"
    assert failure(shell, command) == error(
        "InvalidParameterValueException",
        "CreateEventSourceMapping",
        "The function execution role does not have permissions to call ReceiveMessage on SQS",
    )


def test_step_8_a_queue_that_is_not_there(aws: Aws, shell: Shell) -> None:
    role = aws.role(BASIC_EXECUTION, receive=allow("sqs:*", "*"))
    function = aws.function(source("consumer"), role, handler="app.lambda_handler")
    arn = f"arn:aws:sqs:{REGION_ACCOUNT}:{unique('missing')}"
    command = f"aws lambda create-event-source-mapping --function-name {function} --event-source-arn {arn}"
    assert failure(shell, command) == error(
        "InvalidParameterValueException",
        "CreateEventSourceMapping",
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
        "SQS Error Message: The specified queue does not exist.",
    )
