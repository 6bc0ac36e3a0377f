"""SnapStart as boto3 sees it, and functions that are restored as their role sees itself."""

from __future__ import annotations

import sys

import pytest
from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws

from noria.services.lambda_.interpreters import OWN, find_interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="snapshots are forked in sandboxes")

SOURCE = """
import time
import boto3

sts = boto3.client("sts")
began = time.monotonic_ns()

def handler(event, context):
    time.sleep(event)
    return [began, sts.get_caller_identity()["Arn"]]
"""


def runtime() -> str:
    """One that runs without anything being installed: by the tests' own interpreter."""
    minors = [minor for minor in (14, 13, 12) if (3, minor) == OWN or find_interpreter((3, minor)) is None]
    return f"python3.{minors[0]}"


def test_a_version_is_initialised_once_and_its_clients_have_the_roles_credentials(aws: Aws) -> None:
    role = aws.role(BASIC_EXECUTION)
    name = aws.function(
        SOURCE,
        role,
        Runtime=runtime(),
        SnapStart={"ApplyOn": "PublishedVersions"},
        Timeout=20,
        MemorySize=256,
    )
    assert aws.functions.get_function_configuration(FunctionName=name)["SnapStart"] == {
        "ApplyOn": "PublishedVersions",
        "OptimizationStatus": "Off",
    }
    version = aws.functions.publish_version(FunctionName=name)
    assert (version["State"], version["Version"]) == ("Pending", "1")
    waiter = aws.functions.get_waiter("published_version_active")
    waiter.wait(FunctionName=name, Qualifier="1", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    configuration = aws.functions.get_function_configuration(FunctionName=name, Qualifier="1")
    assert configuration["SnapStart"]["OptimizationStatus"] == "On"
    began, arn = aws.invoke(f"{name}:1", 0)[1]
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{name}"
    assert aws.invoke(f"{name}:1", 0)[1] == [began, arn]
