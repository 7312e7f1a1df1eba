"""A server that speaks S3, on a free port of this machine, and what a client's environment says."""

import logging
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from faces import remote

# It keeps what it has read of S3's description.
_SESSION = botocore.session.get_session()

KEY_ID, SECRET = "AKIAEXAMPLEOFATEST00", "verySecretOfTheTest"
BUCKET = "faces-of-the-test"


@dataclass
class S3Server:
    """A server with one bucket.

    Attributes:
      endpoint: its URL.
      client: botocore's.
      server: moto's.
      thread: that it runs in.
    """

    endpoint: str
    client: Any
    server: BaseWSGIServer
    thread: threading.Thread

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def upload(self, folder: Path) -> None:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(file.relative_to(folder.parent).as_posix(), file.read_bytes())

    def asks_who_one_is(self, asks: bool) -> None:
        """Refuses everybody from now on, since it knows no user; or nobody."""
        self.post("reset-auth", b"0" if asks else b"inf")

    def post(self, order: str, content: bytes = b"") -> None:
        """Orders what only moto knows."""
        request = urllib.request.Request(
            f"{self.endpoint}/moto-api/{order}", content, {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self) -> None:
        """Ends it, once or more."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()


@contextmanager
def serving_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """Serves an empty bucket; this process's environment leads to it."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    remote._file_system.cache_clear()
    client = _SESSION.create_client("s3", "us-east-1", None, None, endpoint, None, KEY_ID, SECRET)
    serving = S3Server(endpoint, client, server, thread)
    try:
        serving.post("reset")  # all servers of a process have the same buckets
        client.create_bucket(Bucket=BUCKET)
        yield serving
    finally:
        serving.stop()
        remote._file_system.cache_clear()
