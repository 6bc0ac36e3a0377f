"""How an environment comes to be: its code, its role's credentials, its log stream, its place."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from noria.clock import Clock
from noria.services.lambda_ import errors
from noria.services.lambda_.environment import Environment
from noria.services.lambda_.fleet import Key
from noria.services.lambda_.invocation import Failure
from noria.services.lambda_.limits import CREDENTIALS_MARGIN_S
from noria.services.lambda_.memory import MemoryWatch
from noria.services.lambda_.models import Function
from noria.services.lambda_.output import FunctionLog
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.platform_log import PlatformLog, platform_log
from noria.services.lambda_.runtime_table import RUNTIMES, interpreter_title
from noria.services.lambda_.runtimes import Runtimes
from noria.services.lambda_.sandbox.confine import NAMESPACES
from noria.services.lambda_.site import InitializationType, Site
from noria.services.lambda_.snapshot import Snapshot
from noria.services.lambda_.snapshots import Snapshots
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, LogSink, LogStream, Roles, RoleSession


class Builder:
    """Makes environments, and keeps the sessions that they run with."""

    def __init__(
        self,
        clock: Clock,
        roles: Roles,
        logs: LogSink,
        runtimes: Runtimes,
        packages: PackageStore,
        endpoint_url: Callable[[], str],
        scratch: Path,
    ) -> None:
        self._clock = clock
        self._roles = roles
        self._logs = logs
        self._runtimes = runtimes
        self._packages = packages
        self._endpoint_url = endpoint_url
        self._scratch = scratch
        self._memory = MemoryWatch()
        self._sessions: dict[Key, RoleSession] = {}
        self.snapshots = Snapshots(self._take_snapshot)

    async def build(self, function: Function, initialization: InitializationType) -> Environment:
        """A cold environment. Raises AccessDeniedException where the role can no longer be assumed."""
        if function.is_snapshot:
            return await self._restored(function)
        site = await self._site(function, initialization)
        log, platform = self._open_log(site, is_restored=False)
        begin = await self._beginning(site, platform)
        return Environment(
            site,
            lambda: self._runtimes.template(function.runtime),
            log,
            self._memory,
            platform,
            begin,
        )

    async def _restored(self, function: Function) -> Environment:
        """One that will be forked from its version's snapshot."""
        snapshot = await self.snapshots.get(function)
        if isinstance(snapshot, Failure):
            raise errors.environment_failed(snapshot.document.decode(errors="replace"))
        of_snapshot = snapshot.site
        site = msgspec.structs.replace(
            of_snapshot,
            session=await self._session(function),
            log_stream=self._log_stream(function),
            snapshot_api=snapshot.api_address,
        )
        log, platform = self._open_log(site, is_restored=True)

        def begin() -> None:
            platform.init_start(site.interpreter.text)

        return Environment(site, lambda: snapshot, log, self._memory, platform, begin)

    async def _take_snapshot(self, function: Function) -> Snapshot | Failure:
        site = await self._site(function, "snap-start")
        template = self._runtimes.template(function.runtime)
        log, platform = self._open_log(site, is_restored=False)
        (await self._beginning(site, platform))()
        snapshot = Snapshot(site, template, log, self._memory, platform)
        failure = await snapshot.take(lambda: self._credentials(function))
        return snapshot if failure is None else failure

    async def _credentials(self, function: Function) -> bytes:
        session = await self._session(function)
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.expires_at_ms / 1000))
        document = {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "Token": session.session_token,
            "Expiration": expires,
        }
        return msgspec.json.encode(document)

    async def _site(self, function: Function, initialization: InitializationType) -> Site:
        session = await self._session(function)
        await self._runtimes.prepared(function.runtime)
        mode = self._runtimes.isolation.mode
        scratch = None if mode == NAMESPACES else self._scratch / secrets.token_hex(16)
        if scratch is not None:
            scratch.mkdir(mode=0o700)
        return Site(
            function=function,
            interpreter=self._runtimes.interpreter(function.runtime),
            session=session,
            endpoint_url=self._endpoint_url(),
            mode=mode,
            task_root=await self._packages.task_root(function.code_sha256),
            layers_root=await self._packages.layers_root([layer.code_sha256 for layer in function.layers]),
            scratch=scratch,
            log_stream=self._log_stream(function),
            initialization=initialization,
        )

    def _log_stream(self, function: Function) -> str:
        day = time.strftime("%Y/%m/%d", time.gmtime(self._clock.now_s()))
        owner = function.name if function.logging.group else ""  # the group may be several functions'
        return f"{day}/{owner}[{function.version}]{secrets.token_hex(16)}"

    def _open_log(self, site: Site, *, is_restored: bool) -> tuple[FunctionLog, PlatformLog]:
        function = site.function

        async def open_stream() -> LogStream | None:
            return await self._logs.open_stream(
                site.session.principal, function.region, function.log_group, site.log_stream
            )

        log = FunctionLog(self._clock, open_stream, function.logging.application_level)
        return log, platform_log(
            function, log, self._clock, site.log_stream, site.initialization, is_restored=is_restored
        )

    async def _beginning(self, site: Site, platform: PlatformLog) -> Callable[[], None]:
        """Writes the first lines of the log of an initialisation."""
        function = site.function
        runtime = RUNTIMES[function.runtime]
        interpreter = site.interpreter.text if runtime.language else ""
        title, why = "", await self._runtimes.note(function.runtime)
        if why:
            title = interpreter_title(runtime.language, site.interpreter.version)

        def begin() -> None:
            platform.init_start(interpreter)
            if why:
                platform.nearest_runtime(title, why)

        return begin

    async def _session(self, function: Function) -> RoleSession:
        """One session serves all environments of a build until half of its life is over."""
        key = (function.arn, function.build_id)
        session = self._sessions.get(key)
        if (
            session is not None
            and session.expires_at_ms - self._clock.now_ms() > 2 * CREDENTIALS_MARGIN_S * 1000
        ):
            return session
        source = (("lambda:SourceFunctionArn", function.arn),)
        session = await self._roles.assume(
            function.role, LAMBDA_SERVICE_PRINCIPAL, function.name, function.arn, source
        )
        if session is None:
            raise errors.role_no_longer_assumable()
        self._sessions[key] = session
        return session

    async def check_session(self, function: Function) -> None:
        """Sessions of a role that was deleted and made anew may nothing; the next ones are the new role's."""
        key = (function.arn, function.build_id)
        session = self._sessions.get(key)
        if session is not None and await self._roles.is_outlived(function.role, session):
            self._sessions.pop(key, None)

    async def may_begin(self, environment: Environment) -> bool:
        """Whether one that was made before its first invocation could still be made now."""
        function = environment.site.function
        if self.is_stale(environment):
            return False
        if await self._roles.trusts(function.role, LAMBDA_SERVICE_PRINCIPAL, function.arn):
            return True
        self.forget((function.arn, function.build_id))
        return False

    def is_stale(self, environment: Environment) -> bool:
        """Whether its credentials may expire while an invocation runs, or are of a role that is gone."""
        function = environment.site.function
        session = self._sessions.get((function.arn, function.build_id))
        if session is None or session.principal.user_id != environment.site.session.principal.user_id:
            return True
        left_ms = environment.site.session.expires_at_ms - self._clock.now_ms()
        return left_ms < CREDENTIALS_MARGIN_S * 1000

    def forget(self, key: Key) -> None:
        """The build's environments are gone, or go."""
        self._sessions.pop(key, None)
