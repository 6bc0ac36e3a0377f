"""How many invocations may run at once: in an account and region, and of functions that reserve a share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.development import Development
from noria.services.lambda_.functions import FunctionTable
from noria.services.lambda_.invocation import Outcome, Work
from noria.services.lambda_.limits import ACCOUNT_CONCURRENCY, UNRESERVED_CONCURRENCY
from noria.services.lambda_.metrics import FunctionMetrics
from noria.services.lambda_.models import Function, Reservations, function_arn
from noria.services.lambda_.names import Reference
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.provisioned import Provisioning
from noria.services.lambda_.recursion import is_loop
from noria.services.lambda_.tables import Table
from noria.store.base import Records

RECORD = "reserved"
NONE = Reservations()


class Concurrency:
    """Every invocation of a function goes through `invoke`. What a function has reserved is its own, and is
    nobody else's meanwhile."""

    def __init__(
        self,
        records: Records,
        functions: FunctionTable,
        pool: Pool,
        provisioning: Provisioning,
        development: Development,
        metrics: FunctionMetrics,
    ) -> None:
        self._functions = functions
        self._table = Table(records, "lambda-concurrency", Reservations)
        self._pool = pool
        self._provisioning = provisioning
        self._development = development
        self._metrics = metrics
        # By the function's ARN, or account and region; where it has reserved a share, by the version's too.
        self._running: Counter[str] = Counter()

    async def invoke(self, function: Function, work: Work) -> Outcome:
        """Run an invocation to its end.

        Raises RecursiveInvocationException, TooManyRequestsException, or what the pool raises.
        """
        try:
            outcome = await self._invoke(function, work)
        except AwsError as error:
            if error.code == "TooManyRequestsException":
                self._metrics.throttled(function, work.arn)
            elif error.code == "RecursiveInvocationException":
                self._metrics.put(function, work.arn, "RecursiveInvocationsDropped", 1)
            raise
        failed = bool(outcome.function_error)
        self._metrics.invoked(function, work.arn, outcome.duration_ms, failed=failed)
        return outcome

    async def _invoke(self, function: Function, work: Work) -> Outcome:
        check_tenant(function, work.tenant)
        if is_loop(work.trace, function):
            latest = await self._functions.get(function.account, function.region, function.name)
            if latest is None or latest.shared.recursive_loop == "Terminate":
                raise errors.recursive_invocation()
        reservations = await self.reservations(function.account, function.region)
        reserved = reservations.functions.get(function.name)
        if reserved is None:
            key = f"{function.account}/{function.region}"
            limit, reason = ACCOUNT_CONCURRENCY - reservations.total, "ConcurrentInvocationLimitExceeded"
            keys: tuple[str, ...] = (key,)
        else:
            key = function.arn
            limit = reserved - await self._held_for_others(function)
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            keys = (key, function.version_arn)
        if self._running[key] >= limit:
            raise errors.too_many_requests(reason)
        self._running.update(keys)
        self._metrics.began(function, reserved=reserved is not None)
        try:
            if self._development.is_idle:
                return await self._pool.invoke(function, work)
            return await self._development.invoke(function, work)
        finally:
            self._metrics.ended(function, reserved=reserved is not None)
            for each in keys:
                self._running[each] -= 1
                if not self._running[each]:
                    del self._running[each]

    async def _held_for_others(self, function: Function) -> int:
        """What is provisioned for other versions and not in use just now."""
        reference = Reference(function.account, function.region, function.name)
        counts = await self._provisioning.by_version(reference)
        held = 0
        for version, count in counts.items():
            if version != function.version:
                arn = function_arn(function.account, function.region, function.name, version)
                held += max(0, count - self._running[arn])
        return held

    async def reservations(self, account: str, region: str) -> Reservations:
        return await self._table.get(account, region, RECORD) or NONE

    async def reserve(self, function: Function, concurrency: int) -> None:
        """Raises InvalidParameterValueException where too little would be left for the others."""
        reference = Reference(function.account, function.region, function.name)
        provisioned = (await self._provisioning.of(reference)).total
        if concurrency < provisioned:
            text = (
                f" ReservedConcurrentExecutions  {concurrency} should not be lower than function's total "
                f"provisioned concurrency [{provisioned}]."
            )
            raise AwsError("InvalidParameterValueException", text, 400)

        def edit(old: dict[str, int]) -> dict[str, int]:
            new = {**old, function.name: concurrency}
            if ACCOUNT_CONCURRENCY - sum(new.values()) < UNRESERVED_CONCURRENCY:
                raise errors.invalid_parameter(
                    "Specified ReservedConcurrentExecutions for function decreases account's "
                    f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY}]."
                )
            return new

        await self._change(function.account, function.region, edit)

    async def free(self, function: Function) -> None:
        """The function reserves nothing any more."""

        def edit(old: dict[str, int]) -> dict[str, int]:
            return {name: value for name, value in old.items() if name != function.name}

        await self._change(function.account, function.region, edit)

    async def _change(
        self, account: str, region: str, edit: Callable[[dict[str, int]], dict[str, int]]
    ) -> None:
        while True:
            old = await self._table.get(account, region, RECORD)
            new = Reservations(edit(old.functions if old else {}))
            if old is None and (not new.functions or await self._table.insert(account, region, RECORD, new)):
                return
            if old is not None and (
                old == new or await self._table.replace(account, region, RECORD, old, new)
            ):
                return


def check_tenant(function: Function, tenant: str) -> None:
    """A function that isolates its tenants is invoked for one of them, and no other is."""
    if function.isolates_tenants and not tenant:
        raise errors.tenant_missing()
    if tenant and not function.isolates_tenants:
        raise errors.tenant_unexpected()
