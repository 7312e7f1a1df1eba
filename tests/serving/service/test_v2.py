"""The Open Inference Protocol, as its clients use it."""

import json
import struct

import numpy as np
import pytest

from serving.embedder import Embedder
from tests.serving.service.running import V2, face, infer_images


@pytest.fixture(scope="module")
def embedder(serving_folder):
    return Embedder(serving_folder / "1")


def embeddings(answer):
    assert answer.status_code == 200, answer.text
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["datatype"]) == ("embedding", "FP32")
    return np.array(output["data"], np.float32).reshape(output["shape"])


def tensor(name, values, datatype="UINT8", **changes):
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": datatype,
        "data": values.ravel().tolist(),
    } | changes


def test_what_serves_is_said(client):
    assert client.get("/v2").json()["name"] == "arcface-pipeline"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get(f"{V2}/ready").json() == {"name": "arcface", "ready": True}
    assert client.get(f"{V2}/versions/1/ready").status_code == 200
    content = client.get(V2).json()
    assert content["versions"] == ["1"]
    assert content["inputs"][1] == {"name": "pixels", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}
    assert content["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 2]}]


def test_images_have_the_embeddings_that_the_model_gives(client, embedder):
    images = [face(person) for person in range(3)]
    answer = client.post(f"{V2}/infer", json=infer_images(*images) | {"id": "7"})
    expected = [embedder.see(f"{n}", image).embedding for n, image in enumerate(images)]
    assert embeddings(answer) == pytest.approx(np.stack(expected), abs=1e-6)
    assert (answer.json()["id"], answer.json()["model_version"]) == ("7", "1")


@pytest.mark.parametrize("nested", [False, True])
def test_pixels_are_taken_flat_and_nested(client, embedder, nested):
    pixels = np.stack([embedder.see("a", face(person)).pixels for person in range(2)])
    given = tensor("pixels", pixels)
    if nested:
        given["data"] = pixels.tolist()
    answer = client.post(f"{V2}/versions/1/infer", json={"inputs": [given]})
    assert embeddings(answer) == pytest.approx(embedder.embed_pixels(pixels), abs=1e-6)


def test_tensors_may_be_binary(client, embedder):
    image = face(1)
    raw = struct.pack("<I", len(image)) + image
    given = {
        "name": "image_bytes",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode()
    answer = client.post(
        f"{V2}/infer",
        content=head + raw,
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    assert answer.status_code == 200, answer.text
    end = int(answer.headers["Inference-Header-Content-Length"])
    (output,) = json.loads(answer.content[:end])["outputs"]
    assert output["parameters"] == {"binary_data_size": 8}
    values = np.frombuffer(answer.content[end:], "<f4")
    assert values == pytest.approx(embedder.see("a", image).embedding, abs=1e-6)


PIXELS = np.zeros((1, 32, 32, 3), int) + 9
WRONG = {
    "another model": ("/v2/models/other/infer", infer_images(b""), 404, "the model here is"),
    "another version": (f"{V2}/versions/9/infer", infer_images(b""), 404, "arcface, 1"),
    "no image": (f"{V2}/infer", infer_images(b"text"), 400, "image_bytes[0] is no usable image"),
    "no bytes": (f"{V2}/infer", infer_images(b""), 400, "empty file"),
    "no inputs": (f"{V2}/infer", {"inputs": []}, 400, "inputs: List should have at least 1"),
    "no base64": (
        f"{V2}/infer",
        {"inputs": [{"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": ["*"]}]},
        400,
        "an element of 'image_bytes' is no base64",
    ),
    "black": (f"{V2}/infer", {"inputs": [tensor("pixels", PIXELS * 0)]}, 400, "length is not 1"),
    "negative": (f"{V2}/infer", {"inputs": [tensor("pixels", PIXELS - 10)]}, 400, "0 to 255"),
    "over 255": (f"{V2}/infer", {"inputs": [tensor("pixels", PIXELS + 250)]}, 400, "0 to 255"),
    "fractions": (f"{V2}/infer", {"inputs": [tensor("pixels", PIXELS / 2)]}, 400, "is no UINT8"),
    "huge": (
        f"{V2}/infer",
        {"inputs": [tensor("pixels", PIXELS, data=[10**30] * PIXELS.size)]},
        400,
        "is no UINT8",
    ),
    "ragged": (
        f"{V2}/infer",
        {"inputs": [tensor("pixels", PIXELS, data=[[1], [1, 2]])]},
        400,
        "pixels",
    ),
    "another shape": (
        f"{V2}/infer",
        {"inputs": [tensor("pixels", PIXELS[:, :16])]},
        400,
        "pixels is a tensor of UINT8 [N, 32, 32, 3]",
    ),
    "another size": (
        f"{V2}/infer",
        {"inputs": [tensor("pixels", PIXELS, shape=[2, 32, 32, 3])]},
        400,
        "3072 elements, and another shape",
    ),
    "another type": (
        f"{V2}/infer",
        {"inputs": [tensor("pixels", PIXELS, "FP64")]},
        400,
        "none of BYTES, UINT8, FP32",
    ),
    "another input": (f"{V2}/infer", {"inputs": [tensor("x", PIXELS)]}, 400, "the inputs are"),
    "another output": (
        f"{V2}/infer",
        {"inputs": [tensor("pixels", PIXELS)], "outputs": [{"name": "x"}]},
        400,
        "the output is called embedding",
    ),
    "landmarks": (
        f"{V2}/infer",
        {
            "inputs": [
                *infer_images(face(1))["inputs"],
                tensor("landmarks", np.ones((1, 10)), "FP32"),
            ]
        },
        400,
        "landmarks are given, and it aligns none",
    ),
    "many": (f"{V2}/infer", infer_images(*[b"x"] * 65), 400, "1 to 64 images. Received: 65"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_used_is_one_message(client, name):
    path, body, status, message = WRONG[name]
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    assert message in answer.json()["error"]
