"""A service with a model of two numbers, answering in a thread."""

import base64
import dataclasses
import socket
import threading
from contextlib import contextmanager

import httpx
import tensorflow as tf
import uvicorn

from biometrics.thresholds.pack import digest_of_folder
from serving.choice import choose_model
from serving.model_dir import contents_of
from serving.service.metrics import Metrics
from serving.service.server import uvicorn_config
from serving.service.service import Service, deploy
from serving.service.settings import ServiceSettings
from serving.service.tokens import Tokens
from tests.biometrics.packs import threshold_pack
from tests.conftest import draw_face, encoded
from tests.serving.dark_model import Dark
from tests.serving.versions import write_pack

SETTINGS = ServiceSettings(rate=0, threads=1)
V2 = "/v2/models/arcface"


class Pixels(Dark):
    """A model whose embedding is the image itself, less a level: it tells drawn people apart."""

    def __init__(self, level=128.0):
        super().__init__(3)
        self.level = level

    def embed_pixels(self, pixels):
        flat = tf.reshape(tf.cast(pixels, tf.float32), [-1, 32 * 32 * 3]) - self.level
        return {"embedding": flat / tf.norm(flat, axis=1, keepdims=True)}


def push(folder, version="1", model=None):
    """Writes a complete version; returns the serving folder."""
    (model or Dark(3)).save(folder / version)
    pack = threshold_pack(model_sha256=digest_of_folder(contents_of(str(folder / version))))
    write_pack(folder / version / "assets.extra", pack)
    return folder


@contextmanager
def running(folder, tokens=(), **settings):
    """A client of a service, and the service."""
    metrics = Metrics()
    settings = dataclasses.replace(SETTINGS, model_dir=folder, **settings)
    deployment = deploy(choose_model(folder, trust_model=False), settings, metrics)
    service = Service(settings, Tokens(tokens), deployment, metrics)
    server = uvicorn.Server(uvicorn_config(service))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            # The socket is open: requests wait until the server takes them.
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=30) as client:
                yield client, service
        finally:
            server.should_exit = True
            thread.join()
            service.close()


def face(person, shot=0, size=(32, 32)):
    """A drawn face, as a PNG."""
    return encoded(draw_face(person, shot, size), "png")


def pair(first, second):
    """Two images, as `/v1/verify` takes them."""
    return {"first": ("a.png", first), "second": ("b.png", second)}


def infer_images(*contents):
    """A body for `/infer`."""
    data = [base64.b64encode(content).decode() for content in contents]
    tensor = {"name": "image_bytes", "shape": [len(data)], "datatype": "BYTES", "data": data}
    return {"inputs": [tensor]}


def exchange(client, request):
    """Sends bytes as they are; returns the status of the answer, or None where there is none."""
    with socket.create_connection((client.base_url.host, client.base_url.port), 30) as connection:
        connection.sendall(request)
        status = connection.makefile("rb").readline()
    return int(status.split()[1]) if status else None
