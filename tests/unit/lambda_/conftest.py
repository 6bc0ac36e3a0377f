"""Lambda over small fakes of its ports, and functions that really run."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.metrics import FakeMetrics

from noria.clock import Clock, SystemClock
from noria.config import IsolationMode, Settings
from noria.context import Principal, RequestContext, new_request_id, root_principal
from noria.errors import AwsError
from noria.http.types import Request
from noria.services.lambda_ import isolation
from noria.services.lambda_.processes import children
from noria.services.lambda_.service import LambdaService
from noria.services.ports import RoleSession
from noria.store.sqlite.store import SqliteStore

ACCOUNT = "111122223333"
REGION = "us-west-1"
RUNTIME = f"python3.{sys.version_info.minor}"  # the one that surely runs
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Activity25Role"


class FakeRoles:
    """Every role trusts Lambda but those in `distrusting`."""

    def __init__(self) -> None:
        self.distrusting: set[str] = set()
        self.role_id = "AROA"
        self.lifetime_s = 3600.0
        self.assumed: list[tuple[str, str, str]] = []

    async def trusts(self, role_arn: str, service_principal: str, source_arn: str) -> bool:
        return role_arn not in self.distrusting

    async def assume(
        self,
        role_arn: str,
        service_principal: str,
        session_name: str,
        source_arn: str,
        conditions: tuple[tuple[str, str], ...] = (),
    ) -> RoleSession | None:
        if role_arn in self.distrusting:
            return None
        self.assumed.append((role_arn, service_principal, session_name))
        principal = Principal(
            "assumed-role", ACCOUNT, f"{role_arn}/{session_name}", f"{self.role_id}:x", "Activity25Role"
        )
        expires_at_ms = int((time.time() + self.lifetime_s) * 1000)
        return RoleSession(f"ASIA{len(self.assumed)}", "secret", "token", expires_at_ms, principal)

    async def is_outlived(self, role_arn: str, session: RoleSession) -> bool:
        return session.principal.user_id != f"{self.role_id}:x"


class FakePermissions:
    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.required: list[tuple[str, str, Mapping[str, str] | None]] = []

    async def require(
        self, ctx: RequestContext, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> None:
        self.required.append((action, resource, conditions))
        if action in self.denied:
            raise AwsError("AccessDeniedException", f"not authorized to perform: {action}", 403)

    async def allows(
        self, principal: Principal, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> bool:
        return action not in self.denied


class FakeStream:
    def __init__(self) -> None:
        self.events: list[tuple[int, str]] = []

    async def put(self, events: list[tuple[int, str]]) -> None:
        self.events += events


class FakeLogs:
    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], FakeStream] = {}
        self.allowed = True

    async def open_stream(
        self, principal: Principal, region: str, group: str, stream: str
    ) -> FakeStream | None:
        if not self.allowed:
            return None
        return self.streams.setdefault((group, stream), FakeStream())

    def lines(self, name: str) -> list[str]:
        """What the function's streams hold, one after the other."""
        return [
            text
            for (group, _), stream in self.streams.items()
            if group == f"/aws/lambda/{name}"
            for _, text in stream.events
        ]


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


class Api(LambdaService):
    """The service, and the operations of all its apis in one."""

    def __getattr__(self, name: str) -> Any:
        for api in self.__dict__.get("apis", ()):
            if hasattr(api, name):
                return getattr(api, name)
        raise AttributeError(name)


class Lambda:
    """The service with a server's life, and what tests say to it."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        strict_runtimes: bool = False,
        isolation: IsolationMode = "auto",
    ) -> None:
        data_dir.mkdir(exist_ok=True)
        self.clock = clock
        self.roles = FakeRoles()
        self.permissions = FakePermissions()
        self.logs = FakeLogs()
        self.metrics = FakeMetrics()
        self.settings = Settings(data_dir=data_dir, strict_runtimes=strict_runtimes, isolation=isolation)
        self.store = SqliteStore(data_dir / "noria.db")
        self.calls: list[tuple[Principal, str, str, str, Mapping[str, Any]]] = []
        self.api: Any = Api(
            self.store,
            self.settings,
            clock,
            self.roles,
            self.permissions,
            self.logs,
            self.call_service,
            self.authenticate,
            lambda: "http://127.0.0.1:4566",
            self.metrics,
        )

    async def authenticate(
        self, request: Request, request_id: str, service: str, operation: str, protocol: str
    ) -> RequestContext:
        """Believes whoever has an Authorization header to be root."""
        if "authorization" not in request.headers:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        return self.ctx()

    async def call_service(
        self,
        principal: Principal,
        region: str,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        via_service: str = "",
    ) -> Mapping[str, Any]:
        """`ports.Caller`: remembers what Lambda asks of other services."""
        self.calls.append((principal, region, service, operation, params))
        return {}

    async def start(self) -> None:
        await self.store.start()
        await self.api.start()

    async def stop(self) -> None:
        await self.api.stop()
        await self.store.close()

    def ctx(self, region: str = REGION) -> RequestContext:
        return RequestContext(
            request_id=new_request_id(),
            service="lambda",
            operation="",
            account=ACCOUNT,
            region=region,
            principal=root_principal(ACCOUNT),
            now_ms=self.clock.now_ms(),
        )

    async def create(self, source: str | Mapping[str, str | bytes], name: str = "f", **members: Any) -> None:
        """A function of that source (``app.py``), Active. members: of the request."""
        files = {"app.py": source} if isinstance(source, str) else source
        request = {"runtime": RUNTIME, "handler": "app.handler", "role": ROLE, **members}
        await self.api.create_function(
            self.ctx(), function_name=name, code={"ZipFile": zipped(files)}, **request
        )
        await self.active(name)

    async def active(self, name: str = "f") -> None:
        for _ in range(500):
            found = await self.api.get_function_configuration(self.ctx(), function_name=name)
            if found.get("LastUpdateStatus") == "Successful":
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{name} did not become active")

    async def settled(self, name: str, qualifier: str) -> dict[str, Any]:
        """The configuration of a version that is no longer Pending."""
        for _ in range(1000):
            found: dict[str, Any] = await self.api.get_function_configuration(
                self.ctx(), function_name=name, qualifier=qualifier
            )
            if found["State"] != "Pending":
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{name}:{qualifier} stays Pending")

    async def invoke(self, event: object = None, name: str = "f", **members: Any) -> dict[str, Any]:
        payload = json.dumps(event).encode()
        answer: dict[str, Any] = await self.api.invoke(
            self.ctx(), function_name=name, payload=payload, **members
        )
        return answer

    async def call(self, event: object = None, name: str = "f", **members: Any) -> Any:
        """The answer of a function that succeeds."""
        answer = await self.invoke(event, name, **members)
        assert "FunctionError" not in answer, answer
        return json.loads(answer["Payload"])

    async def log_of(self, event: object = None, name: str = "f") -> list[str]:
        """The log lines of one invocation."""
        answer = await self.invoke(event, name, log_type="Tail")
        return base64.b64decode(answer["LogResult"]).decode().splitlines()


def template_processes(service: Lambda, first: int) -> list[int]:
    """Those of a template, by its first: outside namespaces, that one guards the second."""
    is_guarded = service.api._core.runtimes.isolation.mode != "namespaces"
    return [first, *children(first)[:1]] if is_guarded else [first]


async def until(condition: Any, what: str, timeout_s: float = 10.0) -> None:
    """Wait for what a real process does."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory: no runtimes but the tests' own interpreter."""
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    return path


def _possible_isolations() -> list[IsolationMode]:
    async def probe() -> list[IsolationMode]:
        why_not = await isolation.probe()
        return [mode for mode in ("namespaces", "landlock") if not why_not[mode]]

    return asyncio.run(probe())


ISOLATIONS: list[IsolationMode] = [*_possible_isolations(), "none"]  # that this machine allows


@pytest.fixture(params=ISOLATIONS)
async def isolated(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Lambda]:
    """A service in each mode of isolation."""
    lambda_service = Lambda(tmp_path / "data", SystemClock(), isolation=request.param)
    await lambda_service.start()
    yield lambda_service
    await lambda_service.stop()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Lambda]:
    lambda_service = Lambda(tmp_path, SystemClock())
    await lambda_service.start()
    yield lambda_service
    await lambda_service.stop()
