"""Layers as boto3 sees them, also another account's."""

from __future__ import annotations

import functools
import io
import json
import urllib.request
import zipfile

import pytest
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, refused, unique
from tests.support.server import ServerProcess

USING = "import lib_of_layer\ndef handler(event, context):\n    return lib_of_layer.WHO\n"
WAIT = {"Delay": 0.02, "MaxAttempts": 500}


@functools.cache  # it has the time in it
def layer_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("python/lib_of_layer.py", "WHO = 'layer'\n")
    return buffer.getvalue()


def test_a_layer_is_published_used_downloaded_and_deleted(aws: Aws) -> None:
    api, name = aws.functions, unique("layer")
    published = api.publish_layer_version(LayerName=name, Content={"ZipFile": layer_zip()})
    arn = published["LayerVersionArn"]
    assert arn == f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:{name}:1"
    assert "CompatibleRuntimes" not in published
    function = aws.function(USING, aws.role(BASIC_EXECUTION), Layers=[arn])
    assert aws.invoke(function)[1] == "layer"
    assert api.get_layer_version_by_arn(Arn=arn)["Content"]["CodeSize"] == len(layer_zip())
    location = api.get_layer_version(LayerName=name, VersionNumber=1)["Content"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == layer_zip()
    assert name in [each["LayerName"] for each in api.list_layers()["Layers"]]
    assert len(api.list_layer_versions(LayerName=name)["LayerVersions"]) == 1
    api.delete_layer_version(LayerName=name, VersionNumber=1)
    with refused(404, "ResourceNotFoundException", "The resource you requested does not exist."):
        api.get_layer_version(LayerName=name, VersionNumber=1)
    assert aws.invoke(function)[1] == "layer"
    api.update_function_configuration(FunctionName=function, Layers=[])
    api.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig=WAIT)
    assert "Layers" not in api.get_function_configuration(FunctionName=function)


def test_a_layers_policy_opens_it(aws: Aws, server: ServerProcess) -> None:
    api, name = aws.functions, unique("layer")
    api.publish_layer_version(LayerName=name, Content={"ZipFile": layer_zip()})
    caller = aws.role(trusting=ACCOUNT_TRUST, other=allow("lambda:ListLayers", "*"))
    theirs = server.client("lambda", aws.assume(caller, unique("session")))
    with pytest.raises(theirs.exceptions.ClientError):
        theirs.get_layer_version(LayerName=name, VersionNumber=1)
    version = {"LayerName": name, "VersionNumber": 1}
    added = api.add_layer_version_permission(
        **version, StatementId="them", Action="lambda:GetLayerVersion", Principal="*"
    )
    assert theirs.get_layer_version(**version)["Version"] == 1
    policy = json.loads(api.get_layer_version_policy(**version)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["them"]
    api.remove_layer_version_permission(**version, StatementId="them", RevisionId=added["RevisionId"])
    with pytest.raises(theirs.exceptions.ClientError):
        theirs.get_layer_version(**version)
    with refused(
        400,
        "ValidationException",
        "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: lambda:GetLayerVersion",
    ):
        api.add_layer_version_permission(**version, StatementId="x", Action="*", Principal="*")
