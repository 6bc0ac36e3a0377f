"""``GET /metrics``: what Prometheus reads.

It is for root's signature (service ``noria``), unless `--open-metrics` says that whoever reaches the server
may read it, but for web pages of other sites.
"""

from __future__ import annotations

import logging

from noria import __version__
from noria.auth.browsers import refuse_pages
from noria.clock import Clock
from noria.config import Settings
from noria.context import new_request_id
from noria.errors import AwsError
from noria.gateway import Gateway
from noria.http.types import Request, Response
from noria.services.cloudwatch.collector import Collector
from noria.services.cloudwatch.prometheus import CONTENT_TYPE

log = logging.getLogger(__name__)

PATH = "/metrics"
SERVICE = "noria"  # of the credential scope


class Scrape:
    """Answers requests for `PATH`."""

    def __init__(self, settings: Settings, gateway: Gateway, metrics: Collector, clock: Clock) -> None:
        self._settings = settings
        self._gateway = gateway
        self._metrics = metrics
        self._clock = clock

    async def handle(self, request: Request) -> Response:
        try:
            await self._check(request)
        except AwsError as error:
            log.info("%s refused: %s", PATH, error)
            return Response(error.status, f"{error}\n".encode(), [("Content-Type", "text/plain")])
        await self._metrics.flush()
        text = self._metrics.exposition.render(__version__, int(self._clock.now_s() // 60))
        return Response(200, text.encode(), [("Content-Type", CONTENT_TYPE)])

    async def _check(self, request: Request) -> None:
        if request.method != "GET":
            raise AwsError("UnknownOperationException", f"There is no {request.method} {PATH}.", 404)
        if self._settings.open_metrics:
            refuse_pages(request, self._settings.host)
            return
        ctx = await self._gateway.authenticate(request, new_request_id(), SERVICE, PATH, "json")
        if ctx.principal.kind != "root":
            raise AwsError("AccessDenied", f"{PATH} is for root only, not {ctx.principal.arn}.", 403)
