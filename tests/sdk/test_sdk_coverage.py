"""Every operation is called here by a real client."""

from __future__ import annotations

import re
from pathlib import Path

from botocore import xform_name

from noria.app import ACTIONS


def test_every_operation_is_exercised_through_boto3() -> None:
    tests = Path(__file__).parent
    sources = [*tests.glob("test_sdk_*.py"), tests.parent / "support" / "aws.py"]
    text = "\n".join(source.read_text() for source in sources)
    operations = {operation for actions in ACTIONS.values() for operation in actions}
    assert {name for name in operations if not re.search(rf"\b{xform_name(name)}\b", text)} == set()
