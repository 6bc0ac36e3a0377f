"""The operations on message move tasks."""

from __future__ import annotations

import uuid
from typing import Any

from noria.clock import Clock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.ports import MetricSink, Permissions
from noria.services.sqs import errors
from noria.services.sqs.core import Core
from noria.services.sqs.limits import MAX_ACTIVE_MOVE_TASKS, MAX_LISTED_MOVE_TASKS, MAX_MOVED_PER_SECOND
from noria.services.sqs.move_tasks import CANCELLED, RUNNING, MoveTask, MoveTasks, parse_handle
from noria.services.sqs.queue import ARN, Queue
from noria.store.base import Store


class MoveTaskOperations(Core):
    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: MetricSink,
        eventual_rules: bool,
        permissions: Permissions | None,
    ) -> None:
        super().__init__(store, clock, metrics, eventual_rules, permissions)
        self._move_tasks = MoveTasks(store, self._queues, self._polls, clock)

    async def start_message_move_task(
        self,
        ctx: RequestContext,
        *,
        source_arn: str = "",
        destination_arn: str | None = None,
        max_number_of_messages_per_second: int | None = None,
    ) -> dict[str, Any]:
        source = await self._own_queue(ctx, source_arn, "SourceArn")
        rate = max_number_of_messages_per_second
        if rate is not None and not 1 <= rate <= MAX_MOVED_PER_SECOND:
            raise errors.invalid_value(
                rate,
                "MaxNumberOfMessagesPerSecond",
                f"Must be between 1 and {MAX_MOVED_PER_SECOND}, if provided.",
            )
        sources = await self._queues.sources_of(source)
        if not sources:
            raise errors.invalid_parameter("Source queue must be configured as a Dead Letter Queue.")
        if destination_arn is not None:
            destination = await self._own_queue(ctx, destination_arn, "DestinationArn")
            if destination.arn == source.arn:
                raise errors.invalid_parameter(
                    "Source queue arn and destination queue arn cannot be the same."
                )
            if destination.record.fifo != source.record.fifo:
                raise errors.invalid_parameter("Source queue and destination queue must be of the same type.")
        if self._permissions is not None:
            for arn in [destination_arn] if destination_arn is not None else [each.arn for each in sources]:
                await self._permissions.require(ctx, "sqs:SendMessage", arn)
        if any(task.status == RUNNING for task in await self._move_tasks.of(source)):
            raise errors.invalid_parameter(
                "There is already a task running. Only one active task is allowed for a source queue"
                " arn at a given time."
            )
        if await self._move_tasks.active(ctx.account, ctx.region) >= MAX_ACTIVE_MOVE_TASKS:
            raise errors.too_many_move_tasks(MAX_ACTIVE_MOVE_TASKS)
        counts = await self._messages(source).counts(source.record.messages, ctx.now_ms)
        task = MoveTask(
            task_id=str(uuid.uuid4()),
            source=source.arn,
            destination=destination_arn or "",
            rate=rate or 0,
            started_ms=ctx.now_ms,
            to_move=counts.visible,
        )
        await self._move_tasks.add(source, task)
        return {"TaskHandle": task.handle}

    async def cancel_message_move_task(self, ctx: RequestContext, *, task_handle: str = "") -> dict[str, Any]:
        if not task_handle:
            raise errors.missing_parameter("TaskHandle")
        parsed = parse_handle(task_handle)
        if parsed is None:
            raise errors.invalid_parameter("Value for parameter TaskHandle is invalid.")
        task_id, source_arn = parsed
        source = await self._own_queue(ctx, source_arn, "SourceArn")
        for task in await self._move_tasks.of(source):
            if task.task_id == task_id:
                break
        else:
            raise AwsError("ResourceNotFoundException", "Task does not exist.", 404)
        if task.status != RUNNING:
            raise AwsError("ResourceNotFoundException", "Only active tasks can be cancelled.", 404)
        changed = await self._move_tasks.change(task, status=CANCELLED)
        return {"ApproximateNumberOfMessagesMoved": (changed or task).moved}

    async def list_message_move_tasks(
        self, ctx: RequestContext, *, source_arn: str = "", max_results: int = 1
    ) -> dict[str, Any]:
        source = await self._own_queue(ctx, source_arn, "SourceArn")
        if not 1 <= max_results <= MAX_LISTED_MOVE_TASKS:
            raise errors.invalid_value(
                max_results, "MaxResults", f"Must be between 1 and {MAX_LISTED_MOVE_TASKS}, if provided."
            )
        tasks = (await self._move_tasks.of(source))[:max_results]
        return {"Results": [_entry(task) for task in tasks]}

    async def _own_queue(self, ctx: RequestContext, arn: str, parameter: str) -> Queue:
        if not arn:
            raise errors.missing_parameter(parameter)
        parts = ARN.fullmatch(arn)
        if parts is None:
            raise errors.invalid_parameter(
                f"You must use this format to specify the {parameter}:"
                " arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            )
        queue = await self._queues.by_arn(arn)
        if queue is None or (queue.account, queue.region) != (ctx.account, ctx.region):
            raise errors.resource_not_found(parameter)
        return queue


def _entry(task: MoveTask) -> dict[str, Any]:
    return {
        "TaskHandle": task.handle if task.status == RUNNING else None,
        "Status": task.status,
        "SourceArn": task.source,
        "DestinationArn": task.destination or None,
        "MaxNumberOfMessagesPerSecond": task.rate or None,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "FailureReason": task.failure or None,
        "StartedTimestamp": task.started_ms,
    }
