"""The composition root: builds every part, wires them, starts and stops them in order."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Awaitable
from typing import NamedTuple

from noria.admin import PREFIX, Admin
from noria.auth.authenticate import Authenticator
from noria.auth.authorize import Action, Authorizer, Denial
from noria.auth.calls import CallsKeeper
from noria.auth.credentials import Credentials, RootCredentials, open_root_credentials
from noria.auth.denials import DenialsKeeper
from noria.clock import Clock, SystemClock
from noria.config import Settings
from noria.data_dir import DataDir, DataDirError
from noria.gateway import Gateway
from noria.http.server import HttpServer
from noria.http.types import Pending, Request, Response
from noria.insight import Insight
from noria.protocol.identify import Identifier
from noria.scrape import PATH as METRICS_PATH
from noria.scrape import Scrape
from noria.services.cloudwatch import actions as cloudwatch_actions
from noria.services.cloudwatch.api import CloudWatchApi
from noria.services.cloudwatch.collector import Collector
from noria.services.iam import actions as iam_actions
from noria.services.iam.api import IamApi
from noria.services.iam.directory import IamDirectory
from noria.services.iam.last_used import LastUsed
from noria.services.iam.review import Review
from noria.services.lambda_ import actions as lambda_actions
from noria.services.lambda_.isolation import IsolationError
from noria.services.lambda_.resources import FunctionResources
from noria.services.lambda_.service import APIS as LAMBDA_APIS
from noria.services.lambda_.service import LambdaService
from noria.services.logs import actions as logs_actions
from noria.services.logs.api import LogsApi
from noria.services.logs.deliveries import Deliveries
from noria.services.logs.feed import Feed
from noria.services.logs.filtering import Filtering
from noria.services.logs.insights import actions as insights_actions
from noria.services.logs.insights.api import InsightsApi
from noria.services.logs.intake import Intake
from noria.services.logs.metrics import LogMetrics
from noria.services.logs.resources import GroupResources
from noria.services.logs.retention import StorageLimit
from noria.services.logs.sink import RoleLogSink
from noria.services.logs.tail import actions as tail_actions
from noria.services.logs.tail.api import LiveTailApi
from noria.services.sqs import actions as sqs_actions
from noria.services.sqs.api import SqsApi
from noria.services.sqs.policy_review import QueuePolicyReview
from noria.services.sqs.resources import QueueResources
from noria.services.sts import actions as sts_actions
from noria.services.sts.api import StsApi
from noria.services.sts.sessions import RoleSessions
from noria.services.triggers import actions as triggers_actions
from noria.services.triggers.api import TriggersApi
from noria.services.triggers.resources import MappingResources
from noria.store.base import StoreError
from noria.store.sqlite.store import SqliteStore

# What answers for a service: its api classes, whose signatures are its parity (docs/parity.md).
SERVICE_APIS: dict[str, tuple[type, ...]] = {
    "sqs": (SqsApi,),
    "lambda": (*LAMBDA_APIS, TriggersApi),
    "iam": (IamApi,),
    "sts": (StsApi,),
    "logs": (LogsApi, LiveTailApi, InsightsApi),
    "monitoring": (CloudWatchApi,),
}
ACTIONS: dict[str, dict[str, Action]] = {
    "sqs": sqs_actions.ACTIONS,
    "lambda": lambda_actions.ACTIONS | triggers_actions.ACTIONS,
    "iam": iam_actions.ACTIONS,
    "sts": sts_actions.ACTIONS,
    "logs": logs_actions.ACTIONS | tail_actions.ACTIONS | insights_actions.ACTIONS,
    "monitoring": cloudwatch_actions.ACTIONS,
}
DENIALS: dict[str, Denial] = {
    "sqs": sqs_actions.DENIAL,
    "lambda": lambda_actions.DENIAL,
    "iam": iam_actions.DENIAL,
    "sts": sts_actions.DENIAL,
    "logs": logs_actions.DENIAL,
    "monitoring": cloudwatch_actions.DENIAL,
}

# A 50 MB package travels as base64 in JSON: 67 MB, with its environment and names.
MAX_BODY_BYTES = 70 << 20
STOP_GRACE_S = 20  # for requests that still run once invocations have ended; no request may take longer


class StartError(Exception):
    """The server cannot start; the text is one line for the user."""


class _Parts(NamedTuple):
    """What runs, or answers, once it is wired."""

    gateway: Gateway
    admin: Admin
    calls: CallsKeeper
    denials: DenialsKeeper
    iam: IamApi
    sqs: SqsApi
    logs: LogsApi
    functions: LambdaService
    triggers: TriggersApi
    readers: tuple[LiveTailApi, InsightsApi]
    metrics: Collector


class App:
    """One server. `start` once, then `stop` once."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = contextlib.AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        """Ready to serve when this returns; `url` is set. Raises StartError."""
        try:
            await self._start()
        except BaseException as error:
            await self._stack.aclose()
            if isinstance(error, DataDirError | StoreError | IsolationError):
                raise StartError(str(error)) from error
            raise

    async def stop(self) -> None:
        """Running invocations finish, long polls are answered, nothing is lost."""
        await self._stack.aclose()

    async def _start(self) -> None:
        settings = self._settings
        data_dir = DataDir(settings.data_dir)
        data_dir.claim()
        self._stack.callback(data_dir.release)
        store = SqliteStore(
            None if settings.ephemeral else settings.data_dir / "noria.db",
            relaxed=settings.durability == "relaxed",
        )
        await store.start()
        self._stack.push_async_callback(store.close)
        try:
            root = open_root_credentials(settings.data_dir, settings.account)
        except (OSError, ValueError) as error:
            raise StartError(f"cannot use {settings.data_dir}/credentials.json: {error}") from error
        parts = self._wire(store, root)
        await self._serve(parts)
        data_dir.publish(self.url, settings.region)
        parts.admin.ready = True

    def _wire(self, store: SqliteStore, root: RootCredentials) -> _Parts:
        settings, clock = self._settings, self._clock
        directory = IamDirectory(store.records)
        credentials = Credentials(root, directory)
        authorizer = Authorizer(directory, settings.auth, DENIALS, clock)
        calls = CallsKeeper(authorizer.calls, store.records, clock)
        denials = DenialsKeeper(authorizer.denied, store.records, clock)
        authorizer.resources |= {
            "sqs": QueueResources(store.records),
            "lambda": MappingResources(store.records, FunctionResources(store.records)),
            "iam": directory,
            "logs": GroupResources(store),
        }
        roles = RoleSessions(directory, credentials, authorizer, clock)
        last_used = LastUsed(store.records)
        authenticator = Authenticator(settings, clock, credentials, last_used)
        gateway = Gateway(clock, Identifier(SERVICE_APIS), authenticator, authorizer)

        metrics = Collector(store.metrics, clock)
        sqs = SqsApi(store, clock, metrics, eventual_rules=settings.eventual_rules, permissions=authorizer)
        feed = Feed()
        deliveries = Deliveries(gateway.call, clock)
        storage = StorageLimit(store.log_events, settings.log_storage_mb << 20)
        filtering = Filtering(store, metrics, deliveries)
        intake = Intake(store.log_events, storage, feed, filtering, LogMetrics(metrics))
        logs = LogsApi(store, clock, intake, deliveries)
        live_tail = LiveTailApi(store.log_events, feed, authorizer, clock)
        insights = InsightsApi(store, authorizer, clock)
        sink = RoleLogSink(store.log_events, intake, authorizer, clock)
        functions = LambdaService(
            store,
            settings,
            clock,
            roles,
            authorizer,
            sink,
            gateway.call,
            gateway.authenticate,
            lambda: self.url,
            metrics,
        )
        metrics.counted += [functions.metrics.collect, sqs.metrics.collect]
        metrics.measured.append(sqs.metrics.measure)
        triggers = TriggersApi(
            store.records, functions.functions, roles, authorizer, gateway.call, clock, metrics
        )
        functions.taggable["event-source-mapping"] = triggers.tagged
        iam = IamApi(store.records, last_used, authorizer)
        apis: dict[str, tuple[object, ...]] = {
            "sqs": (sqs,),
            "lambda": (*functions.apis, triggers),
            "iam": (iam,),
            "sts": (StsApi(directory, credentials, authorizer, clock),),
            "logs": (logs, live_tail, insights),
            "monitoring": (CloudWatchApi(store.metrics, metrics, clock),),
        }
        for service, objects in apis.items():
            gateway.serve(service, objects, ACTIONS[service])
        insight = Insight(authorizer, denials)
        parts = (insight, denials, calls, triggers, functions, sqs, insights, logs, metrics, iam)
        resets = [part.reset for part in parts]
        admin = Admin(
            settings,
            clock,
            store.records,
            gateway,
            functions.functions.runtimes,
            functions.functions.isolation,
            functions.functions.environments,
            functions.development.folders.path,
            insight,
            [Review(store.records, authorizer.calls).warnings, QueuePolicyReview(store.records).warnings],
            [*resets, store.records.delete_account],
            {
                "use-folder": functions.development.use_folder,
                "leave-folder": functions.development.leave_folder,
                "begin-debugging": functions.development.begin_debugging,
                "look-at-debugging": functions.development.look_at_debugging,
                "end-debugging": functions.development.end_debugging,
            },
        )
        readers = (live_tail, insights)
        return _Parts(gateway, admin, calls, denials, iam, sqs, logs, functions, triggers, readers, metrics)

    async def _serve(self, parts: _Parts) -> None:
        """Start what runs, and see to its end, which comes in the reverse order: no new deliveries, then
        running invocations (which may still call the server), then long polls, then the server itself.
        """
        gateway, admin, calls, denials, iam, sqs, logs, functions, triggers, readers, metrics = parts
        scrape = Scrape(self._settings, gateway, metrics, self._clock)

        def route(request: Request) -> Response | Pending | Awaitable[Response]:
            if (answer := functions.web(request)) is not None:
                return answer
            if request.path == METRICS_PATH:
                return scrape.handle(request)
            return admin.handle(request) if request.path.startswith(PREFIX) else gateway.handle(request)

        for keeper in (calls, denials):
            await keeper.start()
            self._stack.push_async_callback(keeper.stop)
        metrics.start()
        self._stack.push_async_callback(metrics.stop)
        server = HttpServer(route, max_body_bytes=MAX_BODY_BYTES)
        gateway.url = admin.url = self.url = await self._listen(server)
        self._stack.push_async_callback(server.stop, STOP_GRACE_S)
        self._stack.push_async_callback(iam.stop)
        await sqs.start()
        self._stack.push_async_callback(sqs.stop)
        await logs.start()
        for reader in readers:
            self._stack.push_async_callback(reader.stop)
        await functions.start()
        self._stack.push_async_callback(functions.stop)
        self._stack.push_async_callback(logs.stop)
        await triggers.start()
        self._stack.push_async_callback(triggers.stop)

    async def _listen(self, server: HttpServer) -> str:
        host, port = self._settings.host, self._settings.port
        try:
            port = await server.start(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StartError(f"port {port} on {host} is in use; choose another with --port") from error
            raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        return f"http://{_reachable(host)}:{port}"


def _reachable(host: str) -> str:
    """The address at which this machine's own clients reach a listener, as a URL has it."""
    if host in ("", "0.0.0.0"):
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
