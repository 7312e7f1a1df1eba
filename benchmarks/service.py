"""The service's throughput, beside the bare model that sees the same images in full batches.

    .venv/bin/python -m benchmarks.service [--backbone mobilefacenet] [--clients 4]

The bare model has the images decoded by as many threads as the service, and embeds them 32 at a
time, in one process and without HTTP. Each client sends one image after the other to the service,
which is a process of its own, as JSON; the clients take their share of the same cores. Both go in
turns, since a machine has other work; the ratio is that of each turn, and the processor time of an
image, which other work changes least, stands beside it: that of the service without its clients.
"""

import argparse
import base64
import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import tensorflow as tf

from benchmarks.drawn_images import draw_jpegs
from benchmarks.models import SHAPE, build
from components.trainer.export import ServingModule
from faces.images.preprocess import Preprocessing
from serving.embedder import Embedder
from serving.service.settings import ServiceSettings

ROOT = Path(__file__).parent.parent
BATCH = ServiceSettings.max_batch
SIDE = 160  # of the images: they are decoded, and shrunk to the network's 112


def main() -> None:
    """Prints a line a turn, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="mobilefacenet", help="untrained")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2, help="that decode, in both")
    parser.add_argument("--workers", type=int, default=2, help="batches at a time, in the service")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of both, in a turn")
    parser.add_argument("--turns", type=int, default=12)
    options = parser.parse_args()
    images = draw_jpegs(SIDE, 256)
    with tempfile.TemporaryDirectory() as folder:
        save_model(options.backbone, Path(folder))
        with served(Path(folder), options) as (address, process):
            print_turns(Embedder(Path(folder)), address, process, images, options)


def print_turns(
    embedder: Embedder,
    address: str,
    process: psutil.Process,
    images: Sequence[bytes],
    options: argparse.Namespace,
) -> None:
    """Measures both in turns."""
    print(f"{options.backbone}, {options.clients} clients, {options.threads} threads that decode\n")
    print(
        "| turn | bare, images/s | service | ratio | p50, ms | p99, ms | bare, CPU-ms | service |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    bare(embedder, images, 1.0, options.threads)
    ask(address, images, 1.0, options.clients)
    for turn in range(options.turns):
        rows.append(one_turn(embedder, address, process, images, options))
        print(line(str(turn + 1), rows[-1]), flush=True)
    print(line("median", np.median(rows, axis=0)))


def one_turn(
    embedder: Embedder,
    address: str,
    process: psutil.Process,
    images: Sequence[bytes],
    options: argparse.Namespace,
) -> tuple[float, ...]:
    """The numbers of a row."""
    own, before = psutil.Process(), cpu(psutil.Process())
    seconds, done = bare(embedder, images, options.seconds, options.threads)
    bare_cpu, bare_rate = (cpu(own) - before) / done, done / seconds
    before = cpu(process)
    seconds, times = ask(address, images, options.seconds, options.clients)
    served_cpu, rate = (cpu(process) - before) / len(times), len(times) / seconds
    p50, p99 = np.quantile(times, [0.5, 0.99]) * 1000
    ratio = rate / bare_rate
    return bare_rate, rate, ratio, p50, p99, 1000 * bare_cpu, 1000 * served_cpu


def cpu(process: psutil.Process) -> float:
    """The seconds of the processor that a process has had."""
    times = process.cpu_times()
    return float(times.user + times.system)


def bare(
    embedder: Embedder, images: Sequence[bytes], seconds: float, threads: int
) -> tuple[float, int]:
    """Seconds of the model in batches, and the images that it saw."""
    start, done = time.perf_counter(), 0
    with ThreadPoolExecutor(threads) as pool:
        while (passed := time.perf_counter() - start) < seconds:
            files = [images[(done + place) % len(images)] for place in range(BATCH)]
            prepared = list(pool.map(lambda file: embedder.prepare(Path("image"), file), files))
            embedder.embed_pixels(tf.constant(np.stack([image.pixels for image in prepared])))
            done += BATCH
    return passed, done


def ask(
    address: str, images: Sequence[bytes], seconds: float, clients: int
) -> tuple[float, list[float]]:
    """Seconds that were measured, and those of each request of the clients."""
    bodies = [body_of(image) for image in images]
    times: list[float] = []
    start = time.perf_counter()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc)
        while time.perf_counter() - start < seconds:
            began = time.perf_counter()
            connection.request("POST", "/v2/models/arcface/infer", bodies[number % len(bodies)])
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise RuntimeError(content)
            times.append(time.perf_counter() - began)
            number += clients

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start, times


def body_of(image: bytes) -> bytes:
    """A request for one image."""
    data = [base64.b64encode(image).decode()]
    tensor = {"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


def line(name: str, values: Sequence[float]) -> str:
    """A row of the table."""
    bare_rate, rate, ratio, *times = values
    numbers = (f"{bare_rate:.1f}", f"{rate:.1f}", f"{ratio:.2f}", *(f"{ms:.0f}" for ms in times))
    return f"| {name} | {' | '.join(numbers)} |"


def save_model(backbone: str, folder: Path) -> None:
    """An untrained network, as the pipeline saves a trained one."""
    model = build(backbone)
    ServingModule(model, Preprocessing(SHAPE, align=False)).save(str(folder))


@contextmanager
def served(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, psutil.Process]]:
    """A service in a process of its own; yields its address, and the process."""
    command = [sys.executable, ROOT / "pipeline/serve.py", "--model-dir", folder, "--trust-model"]
    more = ["--threads", str(options.threads), "--workers", str(options.workers)]
    command += ["--port", "0", "--rate", "0", *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            for said in process.stderr:
                if found := re.search(r"listening at (\S+)", said):
                    break
            else:
                raise RuntimeError("the service did not start")
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield found[1], psutil.Process(process.pid)
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
