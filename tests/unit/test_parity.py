"""docs/parity.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import botocore
from botocore import xform_name

from noria import parity
from noria.app import ACTIONS, SERVICE_APIS

DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"
NOT_OPERATIONS = {"start", "stop", "reset"}


def test_the_document_is_what_the_signatures_and_models_say() -> None:
    """Make it anew with: python -m noria.parity > docs/parity.md"""
    written, rendered = DOCUMENT.read_text(), parity.render()
    if f"botocore {botocore.__version__};" in written:
        assert written == rendered
    assert parity.supported_only(written) == parity.supported_only(rendered)


def test_every_operation_has_a_method_an_action_and_a_model() -> None:
    for service, apis in SERVICE_APIS.items():
        model = parity.load_model(service)
        methods = {name for api in apis for name in dir(api) if not name.startswith("_")} - NOT_OPERATIONS
        assert methods == {xform_name(operation) for operation in ACTIONS[service]}, service
        assert set(ACTIONS[service]) <= set(model.operation_names), service


def test_every_member_that_a_method_names_is_one_of_the_model() -> None:
    for service, apis in SERVICE_APIS.items():
        model = parity.load_model(service)
        for operation in ACTIONS[service]:
            shape = model.operation_model(operation).input_shape
            members = {xform_name(name) for name in shape.members} if shape else set()
            assert parity.accepted(apis, operation) <= members, operation
