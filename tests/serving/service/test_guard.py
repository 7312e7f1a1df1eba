"""What is refused before a route is asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.service.running import V2, exchange, face, infer_images, pair, running

TOKEN = "0123456789abcdef0123456789abcdef"
SEND = {"Authorization": f"Bearer {TOKEN}"}


def refused(client, reason):
    """How many were refused for a reason, as the metrics say."""
    lines = client.get("/metrics", headers=SEND).text.splitlines()
    name = f'arcface_refusals_total{{reason="{reason}"}} '
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.fixture(scope="module")
def guarded(serving_folder):
    with running(serving_folder, tokens=[TOKEN], max_body=100_000) as (client, _):
        yield client


@pytest.mark.parametrize("header", ["", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
@pytest.mark.parametrize("path", ["/metrics", V2, "/v1/verify", "/nowhere", "/v2/health"])
def test_without_a_valid_token_nothing_is_told_not_even_what_there_is(guarded, path, header):
    answer = guarded.get(path, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"].startswith("this service asks for a token")


@pytest.mark.parametrize("path", ["/", "/docs", "/static/page.js", "/openapi.json", "/healthz"])
def test_the_page_and_what_a_cluster_looks_at_need_none(guarded, path):
    assert guarded.get(path).status_code == 200


def test_with_a_token_it_answers(guarded):
    answer = guarded.post(f"{V2}/infer", json=infer_images(face(1)), headers=SEND)
    assert answer.status_code == 200, answer.text


def test_every_answer_keeps_a_browser_from_fetching_anything_elsewhere(guarded):
    for path in ("/", "/nowhere", "/static/page.js", "/metrics"):
        answer = guarded.get(path, headers=SEND)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "server" not in answer.headers


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(guarded):
    before = refused(guarded, "body")
    head = f"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    status = exchange(guarded, f"{head}Content-Length: 999999999\r\n\r\n".encode())
    assert status == 413
    assert refused(guarded, "body") == before + 1


@pytest.mark.parametrize("path", ["/v1/verify", f"{V2}/infer"])
def test_and_one_that_does_not_say_it_is_read_no_further(guarded, path):
    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="first"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 10_000

    headers = SEND | {"Content-Type": "multipart/form-data; boundary=x"}
    answer = guarded.post(path, content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.json() == {"error": "a request has at most 100000 bytes"}


def test_a_page_of_another_site_is_refused(client):
    answer = client.post("/v1/verify", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    answer = client.post("/v1/verify", headers={"Origin": "null"})
    assert answer.status_code == 403
    assert client.get(V2, headers={"Origin": str(client.base_url)}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[", ""])
def test_without_tokens_a_name_that_was_bound_to_this_machine_is_refused(client, host):
    assert client.get(V2, headers={"Host": host}).status_code == 403
    assert client.get(V2, headers={"Host": "localhost:1"}).status_code == 200


def test_a_client_that_asks_too_often_is_told_when_to_come_again(serving_folder):
    with running(serving_folder, rate=0.01, burst=2) as (client, _):
        answers = [client.get(V2) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 100
        assert client.get("/v2/health/live").status_code == 200


class Stuck:
    """A network that does not answer until it is let go."""

    def __init__(self, model):
        self.go, self.entered, self._model = threading.Event(), threading.Event(), model

    def __enter__(self):
        embed = self._model.embedder.embed_pixels

        def stuck(pixels):
            self.entered.set()
            assert self.go.wait(60)
            return embed(pixels)

        self._model.embedder.embed_pixels = stuck
        return self

    def __exit__(self, *_):
        self.go.set()
        del self._model.embedder.embed_pixels


def test_when_too_many_wait_the_next_is_refused_at_once(serving_folder):
    with (
        running(serving_folder, max_requests=2) as (client, service),
        Stuck(service.model) as network,
        ThreadPoolExecutor(2) as pool,
    ):
        post = lambda: client.post("/v1/verify", files=pair(face(1), face(2)))  # noqa: E731
        waiting = [pool.submit(post) for _ in range(2)]
        while service.in_flight < 2:
            network.entered.wait(0.01)
        answer = client.get(V2)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert client.get("/healthz").status_code == 200
        network.go.set()
        assert [future.result().status_code for future in waiting] == [200, 200]
        assert refused(client, "busy") == 1


def test_a_request_that_takes_too_long_is_answered_in_time(serving_folder):
    with running(serving_folder, timeout=0.2) as (client, service), Stuck(service.model):
        answer = client.post(f"{V2}/infer", json=infer_images(face(1)))
        assert answer.status_code == 504
        assert answer.json() == {"error": "no answer within 0.2 s: try again later"}
        assert service.in_flight == 0
        assert refused(client, "timeout") == 1


def test_the_metrics_tell_requests_times_batches_and_refusals_and_no_names(serving_folder):
    with running(serving_folder) as (client, _):
        client.post("/v1/verify", files=pair(face(1), face(2)))
        client.get("/people/Jane%20Doe?person=Jane")
        text = client.get("/metrics").text
    assert 'arcface_requests_total{method="POST",route="/v1/verify",status="200"} 1.0' in text
    assert 'arcface_request_seconds_count{route="/v1/verify"} 1.0' in text
    assert "arcface_batch_images_count" in text
    assert "arcface_queue_images 0.0" in text
    assert "arcface_requests_in_flight 1.0" in text
    assert 'arcface_refusals_total{reason="unknown"} 1.0' in text
    assert 'arcface_model_info{sha256="' in text
    assert "Jane" not in text
