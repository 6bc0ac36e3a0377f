"""Queues: creating, finding, listing, tagging, purging, deleting."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.metrics import FakeMetrics
from tests.support.sqs import SqsClient, refused

from noria.context import Principal
from noria.services.sqs.actions import ACTIONS
from noria.services.sqs.api import SqsApi

NO_QUEUE = (
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    400,
    "The specified queue does not exist.",
)


async def test_a_queue_has_the_url_and_arn_of_aws(sqs: SqsClient) -> None:
    url = await sqs.queue("activity25")
    assert url == "http://localhost:4566/000000000000/activity25"
    assert await sqs.attribute(url, "QueueArn") == "arn:aws:sqs:us-east-1:000000000000:activity25"
    assert await sqs("get_queue_url", queue_name="activity25") == {"QueueUrl": url}


async def test_a_queue_is_found_by_any_host_and_by_its_bare_name(sqs: SqsClient) -> None:
    await sqs.queue("q")
    for url in (
        "https://sqs.us-east-1.amazonaws.com/000000000000/q",
        "https://us-east-1.queue.amazonaws.com/000000000000/q",
        "q",
        "http://127.0.0.1:1/000000000000/q/",
    ):
        await sqs.send(url, "m")
    assert len(await sqs.receive("q")) == 4


@pytest.mark.parametrize("host", ["sqs.eu-west-1.amazonaws.com", "eu-west-1.queue.amazonaws.com:443"])
async def test_the_address_of_another_region_of_aws_is_none_of_this_one(sqs: SqsClient, host: str) -> None:
    await sqs.queue("q")
    url = f"https://{host}/000000000000/q"
    text = f"The address {url} is not valid for this endpoint."
    assert await refused(sqs.send(url, "m")) == ("InvalidAddress", "InvalidAddress", 404, text)


@pytest.mark.parametrize(
    "url", ["http://localhost:4566/", "http://localhost:4566/q", "http://h/12/q", "http://h/x/y/z"]
)
async def test_a_url_that_is_none_of_a_queue(sqs: SqsClient, url: str) -> None:
    text = f"The address {url} is not valid for this endpoint."
    assert await refused(sqs.send(url, "m")) == ("InvalidAddress", "InvalidAddress", 404, text)


async def test_an_unknown_queue(sqs: SqsClient) -> None:
    url = "http://localhost:4566/000000000000/nope"
    for operation, params in {
        "send_message": {"message_body": "m"},
        "receive_message": {},
        "get_queue_attributes": {},
        "delete_queue": {},
        "purge_queue": {},
        "list_queue_tags": {},
    }.items():
        assert await refused(sqs(operation, queue_url=url, **params)) == NO_QUEUE
    assert await refused(sqs("get_queue_url", queue_name="nope")) == NO_QUEUE


async def test_a_missing_queue_url(sqs: SqsClient) -> None:
    assert await refused(sqs("delete_queue")) == (
        "MissingRequiredParameterException",
        "MissingParameter",
        400,
        "The request must contain the parameter QueueUrl.",
    )


async def test_a_queue_is_looked_up_once_until_a_record_changes(
    sqs: SqsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "m")
    with monkeypatch.context() as patch:
        patch.setattr(sqs.store.records, "get", None)  # would fail
        await sqs.send(url, "m")
    await sqs("set_queue_attributes", queue_url=url, attributes={"DelaySeconds": "5"})
    await sqs.send(url, "m")
    assert await sqs.depth(url) == (2, 0, 1)


async def test_accounts_and_regions_do_not_see_each_other(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    sqs.region = "eu-west-1"
    assert await refused(sqs.send(url, "m")) == NO_QUEUE
    sqs.region, sqs.account = "us-east-1", "111111111111"
    assert await refused(sqs("get_queue_url", queue_name="q")) == NO_QUEUE
    owner = {"queue_name": "q", "queue_owner_aws_account_id": "000000000000"}
    assert await sqs("get_queue_url", **owner) == {"QueueUrl": url}  # if the queue's policy lets them
    assert await sqs("list_queues") == {}


async def test_what_only_its_owner_may_do_with_a_queue_is_denied_whatever_its_policy_says(
    sqs: SqsClient,
) -> None:
    url = await sqs.queue("q")
    sqs.account = "111111111111"
    sqs.principal = Principal("user", sqs.account, "arn:aws:iam::111111111111:user/u", "AIDA", "u")
    assert await refused(sqs("delete_queue", queue_url=url)) == (
        "AccessDeniedException",
        "AccessDenied",
        403,
        "User: arn:aws:iam::111111111111:user/u is not authorized to perform: sqs:deletequeue on resource:"
        " arn:aws:sqs:us-east-1:000000000000:q because no resource-based policy allows the sqs:deletequeue"
        " action",
    )
    assert await refused(sqs.send(url.replace("/q", "/nope"), "m")) == NO_QUEUE


async def test_creating_again_with_the_same_attributes_finds_the_queue(sqs: SqsClient) -> None:
    url = await sqs.queue("q", VisibilityTimeout="45")
    await sqs.send(url, "kept")
    assert await sqs.queue("q", VisibilityTimeout="45") == url
    assert await sqs.queue("q") == url
    assert await sqs.queue("q", DelaySeconds="0") == url
    assert (await sqs.depth(url))[0] == 1


async def test_creating_again_with_other_attributes_is_refused(sqs: SqsClient) -> None:
    await sqs.queue("q", VisibilityTimeout="45")
    assert await refused(sqs.queue("q", DelaySeconds="0", VisibilityTimeout="46")) == (
        "QueueNameExists",
        "QueueAlreadyExists",
        400,
        "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    )


INVALID_NAME = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (None, "Value for parameter QueueName is invalid. Reason: Must specify a queue name."),
        ("", "Queue name cannot be empty"),
        ("a.b", INVALID_NAME),
        ("ü", INVALID_NAME),
        ("q\n", INVALID_NAME),
        ("x" * 81, INVALID_NAME),
        ("q.fifo", INVALID_NAME),
    ],
)
async def test_invalid_names(sqs: SqsClient, name: str | None, text: str) -> None:
    assert await refused(sqs("create_queue", queue_name=name)) == (
        "InvalidParameterValueException",
        "InvalidParameterValue",
        400,
        text,
    )


async def test_the_longest_name(sqs: SqsClient) -> None:
    assert (await sqs.queue("a-Z_9" * 16)).endswith("a-Z_9" * 16)


async def test_the_name_of_a_deleted_queue_is_free_again_after_a_minute(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    await sqs("delete_queue", queue_url=url)
    sqs.clock.advance(59.999)
    assert await refused(sqs.queue("q")) == (
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        400,
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    )
    sqs.clock.advance(0.001)
    assert await sqs.queue("q") == url


async def test_the_60_second_rules_can_be_turned_off(sqs: SqsClient) -> None:
    sqs.api = SqsApi(sqs.store, sqs.clock, FakeMetrics(), eventual_rules=False)
    url = await sqs.queue("q")
    await sqs("purge_queue", queue_url=url)
    await sqs("purge_queue", queue_url=url)
    await sqs("delete_queue", queue_url=url)
    await sqs.queue("q")
    await sqs.api.stop()


async def test_listing_by_prefix_and_in_pages(sqs: SqsClient) -> None:
    for name in ("b2", "a", "b1", "b3", "c"):
        await sqs.queue(name)

    def names(answer: dict[str, Any]) -> list[str]:
        return [url.rpartition("/")[2] for url in answer["QueueUrls"]]

    assert names(await sqs("list_queues")) == ["a", "b1", "b2", "b3", "c"]
    assert "NextToken" not in await sqs("list_queues")
    first = await sqs("list_queues", queue_name_prefix="b", max_results=2)
    assert names(first) == ["b1", "b2"]
    rest = await sqs("list_queues", queue_name_prefix="b", max_results=2, next_token=first["NextToken"])
    assert names(rest) == ["b3"]
    assert "NextToken" not in rest
    assert await sqs("list_queues", queue_name_prefix="nope") == {}


async def test_listing_refuses_what_is_no_page(sqs: SqsClient) -> None:
    for max_results in (0, 1001):
        text = (await refused(sqs("list_queues", max_results=max_results)))[3]
        assert text == (
            f"Value {max_results} for parameter MaxResults is invalid."
            " Reason: MaxResults must be an integer between 1 and 1000."
        )
    for token in ("%", "abc", "ÿ", "/w=="):
        assert (await refused(sqs("list_queues", next_token=token)))[3] == "Invalid or expired next token."


async def test_tags_as_recorded(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    assert await sqs("list_queue_tags", queue_url=url) == {}
    await sqs("tag_queue", queue_url=url, tags={"tag1": "value1", "tag2": "value2", "tag3": ""})
    assert await sqs("list_queue_tags", queue_url=url) == {
        "Tags": {"tag1": "value1", "tag2": "value2", "tag3": ""}
    }
    await sqs("untag_queue", queue_url=url, tag_keys=["tag1", "tag3", "unknown"])
    assert await sqs("list_queue_tags", queue_url=url) == {"Tags": {"tag2": "value2"}}
    await sqs("untag_queue", queue_url=url, tag_keys=["tag2"])
    assert await sqs("list_queue_tags", queue_url=url) == {}


async def test_a_queue_is_created_with_tags(sqs: SqsClient) -> None:
    url = (await sqs("create_queue", queue_name="q", tags={"team": "x"}))["QueueUrl"]
    assert await sqs("list_queue_tags", queue_url=url) == {"Tags": {"team": "x"}}


async def test_tag_limits(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    await sqs("tag_queue", queue_url=url, tags={str(n): "" for n in range(50)})
    for tags, text in (
        ({"one more": ""}, "Too many tags added for queue q."),
        ({"": "v"}, "Tag keys must be between 1 and 128 characters in length."),
        ({"aws:x": "v"}, "Tag keys beginning with 'aws:' are reserved for internal use."),
        ({"1": "v" * 257}, "Tag values must be between 0 and 256 characters in length."),
    ):
        assert (await refused(sqs("tag_queue", queue_url=url, tags=tags)))[3] == text


async def test_a_purge_empties_the_queue_at_once(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "a", "b")
    await sqs.send(url, "c", delay_seconds=60)
    (held,) = await sqs.receive(url, 1)
    await sqs("purge_queue", queue_url=url)
    assert await sqs.depth(url) == (0, 0, 0)
    assert await sqs.receive(url) == []
    await sqs("delete_message", queue_url=url, receipt_handle=held["ReceiptHandle"])
    await sqs.send(url, "new")
    sqs.clock.advance(61)
    assert [message["Body"] for message in await sqs.receive(url)] == ["new"]
    await sqs.settle()
    assert len(await sqs.store.messages.queues()) == 1  # the purged ones are gone from the store, too


async def test_one_purge_a_minute(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    await sqs("purge_queue", queue_url=url)
    sqs.clock.advance(59.999)
    assert await refused(sqs("purge_queue", queue_url=url)) == (
        "PurgeQueueInProgress",
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        403,
        "Only one PurgeQueue operation on q is allowed every 60 seconds.",
    )
    sqs.clock.advance(0.001)
    await sqs("purge_queue", queue_url=url)


async def test_a_deleted_queue_is_gone_with_its_messages(sqs: SqsClient) -> None:
    url = await sqs.queue("q", DelaySeconds="1")
    await sqs.send(url, "m")
    await sqs("delete_queue", queue_url=url)
    assert await refused(sqs.send(url, "m")) == NO_QUEUE
    assert await sqs("list_queues") == {}
    await sqs.settle()
    assert await sqs.store.messages.queues() == []
    sqs.clock.advance(60)
    await sqs.queue("q")
    assert await sqs.attribute(url, "DelaySeconds") == "0"
    assert await sqs.depth(url) == (0, 0, 0)


async def test_what_a_crash_left_of_deleted_queues_goes_at_the_next_start(sqs: SqsClient) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "m")
    await sqs.store.records.delete("sqs-queue", "000000000000", "us-east-1", "q")
    again = SqsApi(sqs.store, sqs.clock, FakeMetrics())
    await again.start()
    await sqs.settle()
    assert await sqs.store.messages.queues() == []
    await again.stop()


async def test_reset_empties_one_account(sqs: SqsClient) -> None:
    await sqs.send(await sqs.queue("q"), "m")
    sqs.region = "eu-west-1"
    await sqs.queue("q")
    sqs.account = "111111111111"
    other = await sqs.queue("q")
    await sqs.send(other, "kept")
    await sqs.api.reset("000000000000")
    assert (await sqs.depth(other))[0] == 1
    assert await sqs.store.records.owners("sqs-queue") == [("111111111111", "eu-west-1")]
    assert len(await sqs.store.messages.queues()) == 1


def test_every_operation_has_its_action_and_none_besides() -> None:
    operations = {name for name in dir(SqsApi) if not name.startswith("_")} - {"start", "stop", "reset"}
    snake = {"".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_") for name in ACTIONS}
    assert operations == snake
