"""The application: routes, how they fail, and their description."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from groundfloor.errors import UserError
from groundfloor.text import shown_text
from serving.service.answers import ErrorAnswer
from serving.service.guard import Guard
from serving.service.metrics import MEDIA_TYPE
from serving.service.people import people_routes
from serving.service.refusals import reason_of
from serving.service.service import LOG, Service
from serving.service.tensors import InferRequest
from serving.service.v2 import READY_ANSWERS, ready_answer, v2_routes
from serving.service.verifying import verify_routes

_PAGE = Path(__file__).parent / "page"

_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "Something in the request cannot be used."},
    401: {"model": ErrorAnswer, "description": "There is no valid token."},
    403: {"model": ErrorAnswer, "description": "It comes from a page of another site."},
    404: {"model": ErrorAnswer, "description": "There is no such thing."},
    409: {"model": ErrorAnswer, "description": "No image is enrolled, by the gallery's rules."},
    413: {"model": ErrorAnswer, "description": "It is too large."},
    429: {"model": ErrorAnswer, "description": "Too many requests of one client."},
    503: {"model": ErrorAnswer, "description": "Too many requests, or the service stops."},
    504: {"model": ErrorAnswer, "description": "It took too long."},
}


def create_app(service: Service) -> ASGIApp:
    """All routes, behind their guard."""
    # Nothing that was sent is written to disk: a body is bounded, and stays in memory.
    MultiPartParser.spool_max_size = service.settings.max_body + 1
    app = FastAPI(
        title="arcface",
        summary="Whether two images show one person, and who is known.",
        docs_url=None,  # FastAPI's own page fetches its parts from elsewhere
        redoc_url=None,
        responses=_REFUSALS,
    )
    for router in _routers(service):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=_PAGE), name="static")
    _say_errors(app, service)
    _describe(app)
    return Guard(app, service)


def _routers(service: Service) -> list[APIRouter]:
    return [
        verify_routes(service),
        people_routes(service),
        v2_routes(service),
        _about(service),
        _page(),
    ]


def _about(service: Service) -> APIRouter:
    router = APIRouter(tags=["Operation"])

    @router.get("/healthz", responses=READY_ANSWERS)
    async def health() -> Response:
        """Whether new requests are taken, and which model answers: 200 or 503."""
        deployment = service.deployment
        return ready_answer(
            service, version=deployment.model.version, gallery=deployment.gallery is not None
        )

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times, in Prometheus' format."""
        return Response(service.metrics.text(), media_type=MEDIA_TYPE)

    return router


def _page() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page() -> Response:
        return FileResponse(_PAGE / "index.html")

    @router.get("/docs")
    async def docs() -> Response:
        return FileResponse(_PAGE / "docs.html")

    return router


def _say_errors(app: FastAPI, service: Service) -> None:
    """Every refusal is `{"error": ...}`, and is counted."""

    def refused(reason: str, status: int, message: str, headers: Any = None) -> Response:
        service.metrics.refused(reason)
        return JSONResponse({"error": shown_text(message)}, status, headers)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return refused(reason_of(error), error.status_code, str(error.detail), error.headers)

    @app.exception_handler(UserError)
    async def user(_: Request, error: UserError) -> Response:
        return refused("request", 400, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][1:]))
        return refused("request", 400, f"{where}: {first['msg']}")

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        LOG.error("a request failed", exc_info=error)
        return JSONResponse({"error": "the service failed: its log says how"}, 500)


def _describe(app: FastAPI) -> None:
    """Completes what FastAPI says of the routes: tensors, tokens, and 400 in place of its 422."""
    described = app.openapi()
    definitions = InferRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    components = described["components"]
    components["schemas"] |= definitions["$defs"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{"token": []}, {}]
    for operations in described["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
