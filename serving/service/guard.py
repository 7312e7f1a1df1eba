"""What stands before every route: who asks, how often, how much, and for how long."""

import asyncio
import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundfloor.text import shown_text
from serving.service.rate import RateLimit
from serving.service.refusals import Refusal
from serving.service.service import Service
from serving.service.tokens import is_loopback

ACCESS_LOG = logging.getLogger("arcface.access")

# What needs no token: the page, which asks for one, its parts, and what a cluster looks at.
OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/healthz"})
OPEN_FOLDERS = ("/static/", "/v2/health/")

# Nothing is fetched from elsewhere, and no other site shows this one in a frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """An ASGI application in front of another.

    Args:
      app: what answers the requests that may go on.
      service: its settings and tokens say which these are.
    """

    def __init__(self, app: ASGIApp, service: Service):
        self._app = app
        self._service = service
        self._settings = service.settings
        self._rate = RateLimit(self._settings.rate, self._settings.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or has the request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._settings.max_body)
        try:
            await self._within_time(exchange)
        except Refusal as refusal:
            await self._refuse(exchange, refusal)
        finally:
            self._note(exchange)

    async def _within_time(self, exchange: "_Exchange") -> None:
        deadline = asyncio.timeout(self._settings.timeout)
        try:
            async with deadline:
                await self._admitted(exchange)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise Refusal(
                "timeout", f"no answer within {self._settings.timeout:g} s: try again later"
            ) from None

    async def _admitted(self, exchange: "_Exchange") -> None:
        if _is_open(exchange.scope["path"]):
            await self._app(exchange.scope, exchange.receive, exchange.send)
            return
        self._require_own_name(exchange.headers)
        self._require_client(exchange)
        exchange.require_length()
        with self._counted():
            await self._app(exchange.scope, exchange.receive, exchange.send)

    def _require_own_name(self, headers: Headers) -> None:
        """Keeps pages of other sites, which a browser of this machine shows, from asking.

        Raises:
          Refusal: the request is from such a page, or for a name that leads here by rebinding.
        """
        host = _host(f"//{headers.get('host', '')}")
        origin = headers.get("origin")
        if origin is not None and _host(origin) != host:
            raise Refusal("origin", "this request is from a page of another site")
        # With tokens, no page can do harm that does not know one.
        own = is_loopback(host) or host == self._settings.host
        if not self._service.tokens and not own:
            raise Refusal("origin", "this service goes by localhost alone, unless it has tokens")

    def _require_client(self, exchange: "_Exchange") -> None:
        """Counts the request of a client, and looks at its token.

        Raises:
          Refusal: it has no valid one, or asks too often.
        """
        tokens = self._service.tokens
        holder = tokens.holder(exchange.headers.get("authorization", "").encode("latin-1"))
        address = (exchange.scope.get("client") or ("unknown",))[0]
        if seconds := self._rate.wait(holder or address):
            wait = str(math.ceil(seconds))
            raise Refusal("rate", "too many requests: wait a little", {"Retry-After": wait})
        if tokens and holder is None:
            raise Refusal(
                "token",
                "this service asks for a token: Authorization: Bearer ...",
                {"WWW-Authenticate": "Bearer"},
            )

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Around a request that is worked on.

        Raises:
          Refusal: there are too many.
        """
        if self._service.in_flight >= self._settings.max_requests:
            raise Refusal("busy", "too many requests are waiting", {"Retry-After": "1"})
        self._service.in_flight += 1
        try:
            yield
        finally:
            self._service.in_flight -= 1

    async def _refuse(self, exchange: "_Exchange", refusal: Refusal) -> None:
        self._service.metrics.refused(refusal.reason)
        if exchange.status is None:
            await exchange.answer(refusal)

    def _note(self, exchange: "_Exchange") -> None:
        """Counts and logs; neither a path nor a query, since those hold people's names."""
        status, seconds = exchange.status or 500, time.monotonic() - exchange.start
        method, route = exchange.method, exchange.route
        self._service.metrics.answered(method, route, status, seconds)
        ACCESS_LOG.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)


class _Exchange:
    """A request and its answer, as far as they have come."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body: int):
        self.scope = scope
        self.headers = Headers(scope=scope)
        self.start = time.monotonic()
        self.status: int | None = None
        self._receive = receive
        self._send = send
        self._max_body = max_body
        self._received = 0

    @property
    def route(self) -> str:
        """The pattern of the path, where one was found."""
        return getattr(self.scope.get("route"), "path", None) or "other"

    @property
    def method(self) -> str:
        """That of the request, unless it is none of those that are known."""
        known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
        return self.scope["method"] if self.scope["method"] in known else "other"

    def require_length(self) -> None:
        """Refuses, before it is read, a body that says it is too large.

        Raises:
          Refusal: it is.
        """
        length = self.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._max_body:
            raise self._too_large()

    async def receive(self) -> Message:
        """As ASGI's.

        Raises:
          Refusal: the body is too large.
        """
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._max_body:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """As ASGI's, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def answer(self, refusal: Refusal) -> None:
        """Sends the refusal."""
        body = json.dumps({"error": shown_text(refusal.detail)}).encode()
        headers = {"Content-Type": "application/json", **(refusal.headers or {})}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        length = (b"content-length", str(len(body)).encode())
        start = {"status": refusal.status_code, "headers": [*raw, length]}
        await self.send({"type": "http.response.start", **start})
        await self.send({"type": "http.response.body", "body": body})

    def _too_large(self) -> Refusal:
        return Refusal("body", f"a request has at most {self._max_body} bytes")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def _host(url: str) -> str:
    """The name in an address, or nothing."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
