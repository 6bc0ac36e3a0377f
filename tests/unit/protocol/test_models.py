"""botocore's models as Noria reads them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from noria.protocol.models import load_service


@pytest.mark.parametrize(
    ("name", "version", "protocol"),
    [
        ("sqs", "2012-11-05", "json"),
        ("lambda", "2015-03-31", "rest-json"),
        ("iam", "2010-05-08", "query"),
        ("sts", "2011-06-15", "query"),
        ("logs", "2014-03-28", "json"),
    ],
)
def test_the_newest_version_of_each_service_is_read(name: str, version: str, protocol: str) -> None:
    service = load_service(name)
    assert (service.api_version, service.protocol) == (version, protocol)


def test_an_operation_knows_its_method_and_arguments() -> None:
    operation = load_service("lambda").operation("ListEventSourceMappings")
    assert operation is not None
    assert operation.method_name == "list_event_source_mappings"
    assert {name: member.name for name, member in operation.arguments.items()} == {
        "event_source_arn": "EventSourceArn",
        "function_name": "FunctionName",
        "marker": "Marker",
        "max_items": "MaxItems",
    }
    assert load_service("lambda").operation("Nope") is None


def test_errors_are_told_from_other_shapes() -> None:
    service = load_service("sqs")
    assert service.error_shape("QueueDoesNotExist") is not None
    assert service.error_shape("Message") is None
    assert service.error_shape("Nope") is None


def test_no_slow_part_of_botocore_is_imported() -> None:
    """A start has half a second for everything; botocore.loaders and .model cost a third of it."""
    code = (
        "import sys; from noria.protocol.identify import Identifier;"
        "Identifier(['sqs', 'lambda', 'iam', 'sts', 'logs']);"
        "print([m for m in sys.modules if m.startswith('botocore.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
