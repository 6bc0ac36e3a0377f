"""Function URLs over HTTP: open, signed, and closed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.support.aws import ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, refused, unique
from tests.support.server import Keys, ServerProcess

ECHO = """
def handler(event, context):
    who = event["requestContext"].get("authorizer", {}).get("iam", {}).get("userArn")
    return {"path": event["rawPath"], "query": event.get("queryStringParameters"), "who": who}
"""


def get(url: str, keys: Keys | None = None) -> tuple[int, Any]:
    """(status, JSON body), signed with `keys` if there are any."""
    headers: dict[str, str] = {}
    if keys is not None:
        request = AWSRequest("GET", url)
        SigV4Auth(Credentials(*keys), "lambda", "us-east-1").add_auth(request)
        headers = dict(request.headers)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.fixture
def name(aws: Aws) -> str:
    return aws.function(ECHO, aws.role(BASIC_EXECUTION))


def test_an_open_url_is_open_once_its_policy_says_so(aws: Aws, name: str) -> None:
    api = aws.functions
    url = api.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    status, body = get(url)
    assert status == 403
    assert body["Message"].startswith("Forbidden. For troubleshooting Function URL authorization issues")
    api.add_permission(
        FunctionName=name,
        StatementId="urlPermission",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    assert get(f"{url}a/b?c=d") == (200, {"path": "/a/b", "query": {"c": "d"}, "who": None})
    assert api.get_function_url_config(FunctionName=name)["FunctionUrl"] == url
    assert [
        each["FunctionUrl"] for each in api.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    ] == [url]
    api.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    assert get(url)[0] == 403
    api.delete_function_url_config(FunctionName=name)
    with refused(404, "ResourceNotFoundException", "The resource you requested does not exist."):
        api.get_function_url_config(FunctionName=name)


def test_a_signed_url_asks_the_evaluator(aws: Aws, name: str, server: ServerProcess) -> None:
    url = aws.functions.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")["FunctionUrl"]
    arn = aws.functions.get_function_url_config(FunctionName=name)["FunctionArn"]
    allowed = aws.role(trusting=ACCOUNT_TRUST, urls=allow("lambda:InvokeFunctionUrl", arn))
    denied = aws.role(trusting=ACCOUNT_TRUST)
    status, body = get(f"{url}x?y=z", aws.assume(allowed, unique("session")))
    assert (status, body["path"], body["query"]) == (200, "/x", {"y": "z"})
    assert body["who"].split("/")[1] == allowed.rpartition("/")[2]
    assert get(url, aws.assume(denied, unique("session")))[0] == 403
    assert get(url)[0] == 403
    wrong = Keys(server.root.access_key_id, "x" * 40)
    assert get(url, wrong)[0] == 403
