"""`arcface serve` as a process: how it starts, takes another model, and ends."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from serving.gallery.gallery import Gallery
from tests import ROOT
from tests.serving.service.running import V2, Pixels, face, infer_images, pair, push

SCRIPT = ROOT / "pipeline" / "serve.py"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return push(tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="module")
def people_folder(tmp_path_factory):
    """A model that tells drawn people apart."""
    return push(tmp_path_factory.mktemp("serving"), model=Pixels())


class Process:
    """A service, and what it says."""

    def __init__(self, popen):
        self.popen = popen
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        address = self.said(r"listening at (http://\S+)")
        self.client = httpx.Client(base_url=address, timeout=60)

    def _read(self):
        for line in itertools.chain(self.popen.stderr, [None]):  # None: it has ended
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def said(self, pattern):
        """Waits until a line matches; its first group, or all of it."""

        def found():
            matches = [match for line in self.lines if line and (match := re.search(pattern, line))]
            return matches[-1] if matches else None in self.lines

        with self.changed:
            match = self.changed.wait_for(found, 120)
        assert isinstance(match, re.Match), self.lines
        return match[match.lastindex or 0]


@contextmanager
def served(folder, *options, **environment):
    popen = subprocess.Popen(
        [sys.executable, SCRIPT, "--model-dir", folder, "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        yield Process(popen)
    finally:
        popen.kill()
        popen.wait()


def refusal(*options, **environment):
    run = subprocess.run(
        [sys.executable, SCRIPT, *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert run.returncode == 2
    return run.stderr


def test_it_serves_takes_another_model_and_ends_when_all_is_answered(tmp_path):
    folder = push(tmp_path / "serving")
    with served(folder, ARCFACE_API_TOKEN=TOKEN) as process:
        client = process.client
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert process.said(r"model (\S+), thresholds [0-9a-f]{12}") == str(folder / "1")
        assert client.post("/v1/verify", files=pair(face(1), face(2))).status_code == 200

        process.popen.send_signal(signal.SIGHUP)
        process.said("model 1 stays: it is the newest")
        push(folder, "2")
        (folder / "3").mkdir()
        process.popen.send_signal(signal.SIGHUP)
        process.said(f"model {folder / '2'}, thresholds")
        assert client.get("/healthz").json()["version"] == "2"
        assert client.post(f"{V2}/versions/2/infer", json=infer_images(face(1))).status_code == 200

        with ThreadPoolExecutor(8) as pool:
            body = infer_images(*[face(person, size=(400, 400)) for person in range(8)])
            answers = [pool.submit(client.post, f"{V2}/infer", json=body) for _ in range(8)]
            answers[0].result()
            process.popen.send_signal(signal.SIGTERM)
            assert process.popen.wait(60) == 0
            statuses = [answer.result().status_code for answer in answers if not answer.exception()]
        assert set(statuses) == {200}
        assert TOKEN not in str(process.lines)


def test_a_killed_service_has_lost_no_enrolment_that_it_had_acknowledged(people_folder, tmp_path):
    file = tmp_path / "people.db"
    acknowledged = []

    def enrol(client, worker):
        """Until the service is gone."""
        for number in range(1000):
            name = f"{worker}-{number}"
            files = {"images": ("a.png", face(100 * worker + number))}
            with contextlib.suppress(httpx.TransportError):
                answer = client.post("/v1/enrol", data={"person": name}, files=files)
                assert answer.status_code == 200, answer.text
                acknowledged.append(name)
                continue
            return

    with served(people_folder, "--gallery", file) as process, ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(enrol, process.client, worker) for worker in range(3)]
        while len(acknowledged) < 12 and not any(worker.done() for worker in workers):
            time.sleep(0.01)
        process.popen.kill()
        for worker in workers:
            worker.result()
    with Gallery.open(file) as gallery:
        kept = {person.name for person in gallery.people()}
    assert len(acknowledged) >= 12
    assert set(acknowledged) <= kept
    assert len(kept) <= len(acknowledged) + 3  # what was under way


def test_a_gallery_is_served_by_no_other_model_than_its_own(people_folder, tmp_path):
    folder = tmp_path / "serving"
    shutil.copytree(people_folder, folder)
    with served(folder, "--gallery", tmp_path / "people.db") as process:
        push(folder, "2", Pixels(100.0))
        process.popen.send_signal(signal.SIGHUP)
        process.said("model 1 stays: the gallery .* is of the model with the thresholds")
        assert process.client.get("/healthz").json()["version"] == "1"
        files = {"images": ("a.png", face(1))}
        answer = process.client.post("/v1/enrol", data={"person": "Jane"}, files=files)
        assert answer.status_code == 200
    said = refusal("--model-dir", folder, "--gallery", tmp_path / "people.db", "--port", "0")
    assert "is of the model with the thresholds" in said


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        (["--host", "0.0.0.0"], {"ARCFACE_API_TOKEN": ""}, "0.0.0.0 can be reached from other mac"),
        ([], {"ARCFACE_API_TOKEN": "short"}, "a token is at least 16 ASCII characters"),
        (["--token-file", "nowhere"], {}, "cannot read the tokens of nowhere: No such file"),
        (["--host", "192.0.2.1"], {"ARCFACE_API_TOKEN": TOKEN}, "cannot listen at 192.0.2.1"),
        (["--model-dir", "nowhere", "--port", "0"], {}, "no pushed model in nowhere"),
    ],
)
def test_what_cannot_be_used_is_one_message_and_exit_code_2(folder, options, environment, message):
    said = refusal("--model-dir", folder, *options, **environment)
    assert message in said
    assert "Traceback" not in said
    assert "short" not in said
