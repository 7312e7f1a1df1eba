"""The process of a service: its socket, its signals, and its end."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import uvicorn

from groundfloor.errors import UserError
from serving.choice import ChosenModel
from serving.service.app import create_app
from serving.service.metrics import Metrics
from serving.service.service import LOG, Service, deploy
from serving.service.settings import ServiceSettings
from serving.service.tokens import Tokens

_BACKLOG = 128
_IDLE_SECONDS = 15


def serve(settings: ServiceSettings, tokens: Tokens, chosen: ChosenModel) -> None:
    """Answers requests until SIGTERM or SIGINT; what was begun is answered before it returns.

    Args:
      settings: how.
      tokens: who may ask.
      chosen: the model to begin with.

    Raises:
      UserError: the model cannot be loaded, the gallery is of another one, or the address cannot be
        had.
    """
    log_to(sys.stderr)
    with _listening(settings.host, settings.port) as listener:
        metrics = Metrics()
        service = Service(settings, tokens, deploy(chosen, settings, metrics), metrics)
        for remark in chosen.remarks:
            LOG.warning("note: %s", remark)
        service.say_model()
        try:
            asyncio.run(_Server(service).serve([listener]))
        finally:
            service.close()


def log_to(stream: TextIO) -> None:
    """Writes what the service says to a stream, a line each."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logger = logging.getLogger("arcface")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def uvicorn_config(service: Service) -> uvicorn.Config:
    """How the service speaks HTTP."""
    return uvicorn.Config(
        create_app(service),
        http="h11",  # the strict one, and always installed
        access_log=False,  # it would log people's names
        log_config=None,
        lifespan="off",
        ws="none",
        proxy_headers=False,  # anybody can send them
        server_header=False,
        backlog=_BACKLOG,
        # Those that are idle count, too: a limit on what keeps them open.
        limit_concurrency=8 * service.settings.max_requests,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=int(service.settings.timeout) + 1,
    )


class _Server(uvicorn.Server):
    """uvicorn's, which ends with code 0 when it is told to, and takes another model on SIGHUP."""

    def __init__(self, service: Service):
        super().__init__(uvicorn_config(service))
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says where it listens."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            LOG.info("listening at http://%s:%d", f"[{host}]" if ":" in host else host, port)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends on a signal as on a wish; uvicorn's own would die of it in the end."""
        before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: object) -> None:
        """The first signal ends it when all is answered, the second at once."""
        self.force_exit = self.should_exit
        self.should_exit = self._service.is_stopping = True

    def _reload(self) -> None:
        self._reloading = asyncio.get_running_loop().create_task(self._service.reload())


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket, before the model is loaded: that a port is taken is said at once.

    Raises:
      UserError: it cannot be had.
    """
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol named, asyncio sends each answer at once (TCP_NODELAY): without it, the
        # end of an answer waits some 40 ms for the client to acknowledge its beginning.
        listener = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise UserError(f"cannot listen at {host}, port {port}: {error.strerror}") from None
    with listener:
        yield listener
