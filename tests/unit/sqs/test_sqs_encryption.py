"""Encryption at rest: what a queue reports of it, as AWS recorded it."""

from __future__ import annotations

import pytest
from tests.support.sqs import SqsClient, refused

KEY = {"KmsMasterKeyId": "testKeyId", "KmsDataKeyReusePeriodSeconds": "6000"}


async def set_(sqs: SqsClient, url: str, **attributes: str) -> None:
    await sqs("set_queue_attributes", queue_url=url, attributes=attributes)


async def encryption(sqs: SqsClient, url: str) -> dict[str, str]:
    answer = await sqs("get_queue_attributes", queue_url=url, attribute_names=["All"])
    return {name: value for name, value in answer["Attributes"].items() if "Kms" in name or "Sse" in name}


async def test_a_key_and_sqss_own_encryption_take_each_others_place(sqs: SqsClient) -> None:
    url = await sqs.queue(**KEY)
    assert await encryption(sqs, url) == KEY | {"SqsManagedSseEnabled": "false"}
    await set_(sqs, url, SqsManagedSseEnabled="true")
    assert await encryption(sqs, url) == {"SqsManagedSseEnabled": "true"}


async def test_an_empty_key_removes_it_and_brings_no_other_encryption(sqs: SqsClient) -> None:
    url = await sqs.queue()
    assert await encryption(sqs, url) == {"SqsManagedSseEnabled": "true"}
    await set_(sqs, url, **KEY)
    assert await encryption(sqs, url) == KEY | {"SqsManagedSseEnabled": "false"}
    await set_(sqs, url, KmsMasterKeyId="", KmsDataKeyReusePeriodSeconds="300")
    assert await encryption(sqs, url) == {"SqsManagedSseEnabled": "false"}


async def test_a_key_without_a_period_is_used_for_five_minutes(sqs: SqsClient) -> None:
    url = await sqs.queue(KmsMasterKeyId="alias/aws/sqs")
    assert (await encryption(sqs, url))["KmsDataKeyReusePeriodSeconds"] == "300"


async def test_a_period_without_a_key_is_not_reported(sqs: SqsClient) -> None:
    url = await sqs.queue(KmsDataKeyReusePeriodSeconds="60")
    assert await encryption(sqs, url) == {"SqsManagedSseEnabled": "true"}


async def test_there_is_one_encryption_at_a_time(sqs: SqsClient) -> None:
    code, _, status, text = await refused(sqs.queue(KmsMasterKeyId="k", SqsManagedSseEnabled="true"))
    assert (code, status) == ("InvalidAttributeValue", 400)
    assert text.startswith("You can use one type of server-side encryption (SSE) at one time.")


@pytest.mark.parametrize("value", ["59", "86401", "", "x"])
async def test_a_period_is_a_minute_to_a_day(sqs: SqsClient, value: str) -> None:
    assert await refused(sqs.queue(KmsDataKeyReusePeriodSeconds=value)) == (
        "InvalidAttributeValue",
        "InvalidAttributeValue",
        400,
        "Invalid value for the parameter KmsDataKeyReusePeriodSeconds.",
    )


async def test_a_queue_that_is_there_is_another_with_another_key(sqs: SqsClient) -> None:
    url = await sqs.queue(**KEY)
    assert await sqs.queue(**KEY) == url
    code, _, _, text = await refused(sqs.queue(KmsMasterKeyId="other"))
    assert code == "QueueNameExists"
    assert text.endswith("attribute KmsMasterKeyId")
