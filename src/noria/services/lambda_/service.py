"""Lambda, put together: its operations, and what runs behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from noria.clock import Clock
from noria.config import Settings
from noria.http.types import Request, Response
from noria.services.lambda_.api import LambdaApi
from noria.services.lambda_.async_invoke import AsyncInvoker
from noria.services.lambda_.builder import Builder
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.concurrency_api import ConcurrencyApi
from noria.services.lambda_.control import Control
from noria.services.lambda_.core import Core
from noria.services.lambda_.development import Development
from noria.services.lambda_.downloads import PREFIX as DOWNLOADS
from noria.services.lambda_.event_config_api import EventConfigApi
from noria.services.lambda_.invoke_api import InvokeApi
from noria.services.lambda_.invoker import InvokableFunctions
from noria.services.lambda_.layer_api import LayerApi
from noria.services.lambda_.limits import STOP_GRACE_S
from noria.services.lambda_.metrics import FunctionMetrics
from noria.services.lambda_.policy_api import PolicyApi
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.provisioned import Provisioning
from noria.services.lambda_.provisioned_api import ProvisionedApi
from noria.services.lambda_.settings_api import SettingsApi
from noria.services.lambda_.signing import SigningTags
from noria.services.lambda_.signing_api import SigningApi
from noria.services.lambda_.streaming import Streaming
from noria.services.lambda_.tag_api import FunctionTags, TagApi
from noria.services.lambda_.url_api import UrlApi
from noria.services.lambda_.urls import Authenticate, Urls, is_for_url
from noria.services.lambda_.version_api import VersionApi
from noria.services.ports import Caller, LogSink, MetricSink, Permissions, Roles, TaggedResources
from noria.store.base import Store

APIS = (
    LambdaApi,
    InvokeApi,
    ConcurrencyApi,
    ProvisionedApi,
    VersionApi,
    EventConfigApi,
    PolicyApi,
    UrlApi,
    LayerApi,
    SettingsApi,
    SigningApi,
    TagApi,
)


class LambdaService:
    """apis: what has the operations. functions: what the trigger and `noria status` see of them.
    development: what the owner does with them.

    taggable: resources with tags by their type in ARNs; others than Lambda's own are added by `app`.
    metrics: what is counted of functions.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        roles: Roles,
        permissions: Permissions,
        logs: LogSink,
        call: Caller,
        authenticate: Authenticate,
        endpoint_url: Callable[[], str],
        metrics: MetricSink,
    ) -> None:
        """endpoint_url: gives the server's own URL, which functions get as AWS_ENDPOINT_URL."""
        self.metrics = FunctionMetrics(metrics)
        self._core = core = Core(store, settings, clock, roles, permissions, call)
        scratch = settings.data_dir / "tmp"
        builder = Builder(clock, roles, logs, core.runtimes, core.packages, endpoint_url, scratch)
        self._pool = core.pool = Pool(clock, builder, scratch)
        self._control = core.control = Control(
            core.functions,
            [*core.belongings, core.urls],
            core.packages,
            core.runtimes,
            core.strict_runtimes,
            self._pool,
            clock,
        )
        self.development = Development(core, self._pool)
        core.provisioning = Provisioning(core.provisions, core.functions, self._pool)
        concurrency = Concurrency(
            store.records, core.functions, self._pool, core.provisioning, self.development, self.metrics
        )
        streaming = Streaming(concurrency)
        self._events = AsyncInvoker(core, concurrency, self.metrics)
        self.functions = InvokableFunctions(core.functions, concurrency, self._pool, core.runtimes)
        self._urls = Urls(core, concurrency, streaming, authenticate)
        self.taggable: dict[str, TaggedResources] = {
            "function": FunctionTags(core),
            "code-signing-config": SigningTags(core.signing),
        }
        self.apis: tuple[object, ...] = (
            LambdaApi(core, concurrency),
            InvokeApi(core, concurrency, streaming, self._events),
            ConcurrencyApi(core, concurrency),
            ProvisionedApi(core, concurrency),
            VersionApi(core),
            EventConfigApi(core, core.destinations),
            PolicyApi(core),
            UrlApi(core),
            LayerApi(core),
            SettingsApi(core),
            SigningApi(core),
            TagApi(self.taggable),
        )

    def web(self, request: Request) -> Awaitable[Response] | None:
        """What answers a request that is for no AWS API; None where it is for one."""
        if request.path.startswith(DOWNLOADS):
            return self._core.downloads.handle(request)
        if is_for_url(request):
            return self._urls.handle(request)
        return None

    async def start(self) -> None:
        """Raises IsolationError where the isolation that was asked for is not possible."""
        await self._core.runtimes.start()
        await self._pool.start()
        await self._control.start(await self._core.layers.references())
        await self._core.provisioning.start()
        await self._events.start()

    async def stop(self) -> None:
        """Running invocations finish, for a while; then nothing of any function is left running."""
        self._events.stop_taking()
        await self._core.runtimes.stop_preparing()  # what waits for libraries would wait for long
        self.development.end()
        await self._pool.stop(STOP_GRACE_S)
        await self.development.stop()
        await self._events.stop()
        await self._control.stop()
        await self._core.runtimes.stop()

    async def reset(self, account: str) -> None:
        """Remove the account's functions, what runs of them, and the events that wait for them."""
        await self._events.reset(account)
        await self._control.delete_all(account)
        for region in await self._core.layers.versions.regions(account):
            for name, layer in await self._core.layers.versions.all_of(account, region):
                if await self._core.layers.versions.delete(account, region, name):
                    await self._core.packages.release(layer.code_sha256, layer.arn)
