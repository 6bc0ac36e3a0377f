"""Request ids are UUIDs of version 4."""

from __future__ import annotations

import uuid

from noria.context import is_request_id, new_request_id


def test_a_request_id_is_a_random_version_4_uuid() -> None:
    ids = {new_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert {uuid.UUID(text).version for text in ids} == {4}
    assert {uuid.UUID(text).variant for text in ids} == {uuid.RFC_4122}
    assert all(is_request_id(text) for text in ids)


def test_other_texts_are_no_request_ids() -> None:
    assert not is_request_id("nonsense")
    assert not is_request_id("6BA7B810-9DAD-41D1-80B4-00C04FD430C8")
