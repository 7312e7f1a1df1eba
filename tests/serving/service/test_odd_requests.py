"""What nobody sends on purpose, but for one who looks for a hole: never a 5xx, and never a hang."""

import io
import zlib

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from tests.conftest import draw_face, encoded
from tests.serving.service.running import V2, exchange, face, infer_images, pair

JSON = {"Content-Type": "application/json"}


def bomb():
    """A PNG of 60,000 x 60,000 white pixels, in a few kilobytes."""
    file = io.BytesIO()
    Image.new("1", (1, 1)).save(file, "png")
    content = bytearray(file.getvalue())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


ODD_IMAGES = {
    "nothing": b"",
    "text": b"GIF89a and no more",
    "a bomb": bomb(),
    "large": encoded(Image.new("1", (9000, 9000)), "png"),
    "half": face(1)[:200],
    "zeros": b"\0" * 10_000,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run",
    "cut jpeg": encoded(draw_face(1, 1), "jpeg")[:-40],
}


@pytest.mark.parametrize("name", ODD_IMAGES)
def test_an_image_that_is_none_is_a_400_that_says_which(client, name):
    answer = client.post("/v1/verify", files=pair(face(1), ODD_IMAGES[name]))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("second is no usable image: ")
    answer = client.post(f"{V2}/infer", json=infer_images(face(1), ODD_IMAGES[name]))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("image_bytes[1] is no usable image: ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"inputs":' * 50_000,
        b'{"inputs": [{"name": "pixels", "shape": [1], "datatype": "UINT8", "data": [NaN]}]}',
        b'{"inputs": [{"name": "pixels", "shape": [1], "datatype": "UINT8", "data": [1e999]}]}',
        b'{"inputs": [{"name": "pixels", "shape": [-1], "datatype": "UINT8", "data": [1]}]}',
        b'{"inputs": [{"name": "pixels", "shape": [9999999999999999999999], "datatype": "UINT8"}]}',
        b'{"inputs": [{"name": "pixels", "shape": [1], "datatype": "UINT8", "data": ['
        + b"9" * 5000
        + b"]}]}",
        b'{"inputs": [{"name": "pixels", "shape": [1], "datatype": "UINT8", "data": '
        + b"[" * 90
        + b"1"
        + b"]" * 90
        + b"}]}",
        b'{"inputs": [{"name": "\\ud800", "shape": [0], "datatype": "BYTES", "data": []}]}',
        b'{"inputs": [{"name": "image_bytes", "shape": [0], "datatype": "BYTES", "data": []}]}',
        b'{"inputs": [{"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [true]}]}',
        b'{"inputs": [{"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [""]}]}',
    ],
    ids=lambda content: content[:12].decode("latin-1") + str(len(content)),
)
def test_a_body_that_is_no_request_is_a_400(client, content):
    answer = client.post(f"{V2}/infer", content=content, headers=JSON)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999999999999999999", "²", "", "50"])
def test_a_header_that_is_no_length_is_a_400(client, length):
    headers = JSON | {"Inference-Header-Content-Length": length.encode()}
    answer = client.post(f"{V2}/infer", content=b"{}", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "multipart/form-data; boundary="},
        {"Content-Type": "multipart/form-data; boundary=" + "x" * 1000},
        {"Content-Type": "multipart/form-data; boundary=x; charset=no-such"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "\x01\x02"},
        {"Content-Type": "application/json; charset=utf-7"},
    ],
    ids=lambda headers: headers["Content-Type"][:60],
)
@pytest.mark.parametrize("path", ["/v1/verify", f"{V2}/infer"])
def test_another_content_type_is_a_400(client, path, headers):
    body = b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"
    answer = client.post(path, content=body, headers=headers)
    assert answer.status_code in (400, 404)  # a client may refuse to send such a header


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-1", "0", "1", "1e-400", "x", "", "\0", "1" * 999]
)
@pytest.mark.parametrize("field", ["far", "prior"])
def test_a_rate_that_is_none_is_a_400(client, field, value):
    answer = client.post("/v1/verify", files=pair(face(1), face(2)), data={field: value})
    assert answer.status_code == 400 or value == ""  # which is none


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/..%2fapp.py",
        "/static/%00",
        "/static/" + "a/" * 2000,
        "/v2/models/%2e%2e%2f%2e%2e/infer",
        "/v2/models/arcface/versions/../../secret",
        "/v2/models/a%0ab",
        "/%ff%fe",
        "/" + "x" * 9000,
    ],
    ids=lambda path: path[:30],
)
def test_a_path_that_leads_out_of_the_service_leads_nowhere(client, path):
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert exchange(client, request.encode()) in (400, 404)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"\0" * 1000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10**6 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda request: request[:30].decode("latin-1") + str(len(request)),
)
def test_bytes_that_are_no_request_are_refused_or_hung_up_on(client, request_bytes):
    try:
        status = exchange(client, request_bytes)
    except ConnectionError:
        status = None
    assert status is None or status < 500
    assert client.get("/healthz").status_code == 200


CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]


def test_calls_by_the_services_own_description_have_the_answers_that_it_describes(client):
    description = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) > 10
    for operation in operations:

        @settings(max_examples=10, phases=[Phase.generate], suppress_health_check=HealthCheck)
        @given(operation.as_strategy())
        def call(case):
            case.call_and_validate(checks=CHECKS)

        call()
