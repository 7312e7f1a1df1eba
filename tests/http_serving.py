"""A server of this machine, for the tests of clients."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving_on_a_free_port(
    handler: type[BaseHTTPRequestHandler], closing: threading.Event
) -> Iterator[int]:
    """Answers with a handler; yields the port, and sets `closing` when it is to let go."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield http.server_port
        finally:
            closing.set()
            http.shutdown()
            thread.join()
