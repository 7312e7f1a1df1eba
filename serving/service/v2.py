"""The Open Inference Protocol, version 2, which KServe, Triton and their clients speak."""

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from serving.service.refusals import Refusal
from serving.service.served_model import ServedModel
from serving.service.service import Service
from serving.service.tensors import (
    HEADER_LENGTH,
    InferRequest,
    Tensor,
    read_request,
    wants_binary,
    write_response,
)
from serving.signatures import EMBEDDING_KEY

_PACKAGE = "arcface-pipeline"
_POINTS = 10

Name = Annotated[str, Path(description="Of the model, such as arcface.")]
Version = Annotated[str, Path(description="Of the model: the number of its folder.")]


class ReadyAnswer(BaseModel):
    """Whether new requests are taken."""

    name: str
    ready: bool


READY_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": ReadyAnswer, "description": description}
    for status, description in ((200, "Requests are taken."), (503, "The service stops."))
}
_INFERRED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The embeddings.", "content": {"application/octet-stream": {}}}
}


def ready_answer(service: Service, **more: str | bool) -> Response:
    """Whether new requests are taken, as a load balancer reads it."""
    content = {"name": service.settings.name, "ready": service.is_ready, **more}
    return JSONResponse(content, 200 if service.is_ready else 503)


def v2_routes(service: Service) -> APIRouter:
    """The routes below `/v2`."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("")
    async def server() -> dict[str, Any]:
        """What serves."""
        return {"name": _PACKAGE, "version": _version(), "extensions": ["binary_tensor_data"]}

    @router.get("/health/live")
    async def live() -> dict[str, bool]:
        """Whether the process answers."""
        return {"live": True}

    @router.get("/health/ready", responses=READY_ANSWERS)
    async def ready() -> Response:
        """Whether new requests are taken: 200 or 503."""
        return ready_answer(service)

    def any_version(name: Name) -> ServedModel:
        return _model(service, name)

    def one_version(name: Name, version: Version) -> ServedModel:
        return _model(service, name, version)

    _add_model_routes(router, service, "/models/{name}", any_version)
    _add_model_routes(router, service, "/models/{name}/versions/{version}", one_version)
    return router


def _add_model_routes(
    router: APIRouter, service: Service, path: str, find: Callable[..., ServedModel]
) -> None:
    """The routes of a model, and of one version of it."""
    Model = Annotated[ServedModel, Depends(find)]
    name = service.settings.name

    @router.get(path)
    async def metadata(model: Model) -> dict[str, Any]:
        """The inputs and outputs of a model."""
        return _metadata(model, name)

    @router.get(f"{path}/ready", responses=READY_ANSWERS)
    async def model_ready(_: Model) -> Response:
        """Whether a model takes requests: 200 or 503."""
        return ready_answer(service)

    @router.post(f"{path}/infer", openapi_extra=_body(), responses=_INFERRED)
    async def infer(request: Request, model: Model) -> Response:
        """Embeddings of image files (`image_bytes`) or of what the network sees (`pixels`)."""
        body, header_length = await request.body(), request.headers.get(HEADER_LENGTH)
        asked, tensors = await asyncio.to_thread(read_request, body, header_length)
        embeddings = await _embeddings(model, asked, tensors, service.settings.max_images)
        content = {"model_name": name, "model_version": model.version, "id": asked.id}
        if asked.id is None:
            del content["id"]
        answer, headers = write_response(content, embeddings, wants_binary(asked))
        return Response(answer, headers=headers)


def _model(service: Service, name: str, version: str | None = None) -> ServedModel:
    """The model that serves.

    Raises:
      Refusal: another one is asked for.
    """
    model = service.model
    if name != service.settings.name or version not in (None, model.version):
        raise Refusal("unknown", f"the model here is {service.settings.name}, {model.version}")
    return model


def _metadata(model: ServedModel, name: str) -> dict[str, Any]:
    inputs = [
        {"name": "image_bytes", "datatype": "BYTES", "shape": [-1]},
        {"name": "pixels", "datatype": "UINT8", "shape": [-1, *model.embedder.input_shape]},
    ]
    if model.embedder.aligns:
        inputs.append({"name": "landmarks", "datatype": "FP32", "shape": [-1, _POINTS]})
    return {
        "name": name,
        "versions": [model.version],
        "platform": "tensorflow_savedmodel",
        "inputs": inputs,
        "outputs": [{"name": EMBEDDING_KEY, "datatype": "FP32", "shape": [-1, model.dimensions]}],
    }


async def _embeddings(
    model: ServedModel, asked: InferRequest, tensors: dict[str, Tensor], max_images: int
) -> np.ndarray:
    """Float32 [N, D].

    Raises:
      Refusal: the inputs are none that the model takes.
    """
    for output in asked.outputs:
        if output.name != EMBEDDING_KEY:
            raise Refusal("request", f"the output is called {EMBEDDING_KEY}")
    match sorted(tensors):
        case ["pixels"]:
            pixels = _pixels(tensors["pixels"], model.embedder.input_shape, max_images)
            return await model.embed_pixels(pixels)
        case ["image_bytes"] | ["image_bytes", "landmarks"]:
            files = _files(tensors["image_bytes"], max_images)
            landmarks = _landmarks(tensors.get("landmarks"), len(files))
            return np.stack([image.embedding for image in await model.see_all(files, landmarks)])
    raise Refusal("request", "the inputs are image_bytes, or image_bytes and landmarks, or pixels")


def _pixels(tensor: Tensor, shape: Sequence[int], max_images: int) -> np.ndarray:
    if tensor.datatype != "UINT8" or tensor.shape[1:] != tuple(shape):
        raise Refusal("request", f"pixels is a tensor of UINT8 [N, {', '.join(map(str, shape))}]")
    _require_count(tensor.shape[0], max_images)
    return np.asarray(tensor.values)


def _files(tensor: Tensor, max_images: int) -> list[tuple[str, bytes]]:
    """The elements of a tensor, each with what to call it."""
    # Clients of batches add an axis of 1.
    if not isinstance(tensor.values, list) or tensor.shape[1:] not in ((), (1,)):
        raise Refusal("request", "image_bytes is a tensor of BYTES [N]")
    _require_count(tensor.shape[0], max_images)
    return [(f"image_bytes[{row}]", content) for row, content in enumerate(tensor.values)]


def _landmarks(tensor: Tensor | None, images: int) -> list[tuple[float, ...] | None] | None:
    """Those of each image; NaN throughout, in the binary extension, where they are not known."""
    if tensor is None:
        return None
    if tensor.datatype != "FP32" or tensor.shape != (images, _POINTS):
        raise Refusal("request", f"landmarks is a tensor of FP32 [N, {_POINTS}], as image_bytes")
    rows = np.asarray(tensor.values)
    return [None if np.isnan(row).all() else tuple(row.tolist()) for row in rows]


def _require_count(images: int, most: int) -> None:
    if not 1 <= images <= most:
        raise Refusal("request", f"a request has 1 to {most} images. Received: {images}")


def _body() -> dict[str, Any]:
    """The body of an inference, for the description; it is read by `read_request`."""
    schema = InferRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
