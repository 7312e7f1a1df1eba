"""What a run or a command may talk to: a tracking server, buckets, a container engine."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable

import docker
from components.patience import TooSlowError, call_within
from groundfloor.credentials import without_credentials
from groundfloor.text import shown_text
from pipeline.checkup.diagnosis import NOTE, OK, Diagnosis

_TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"

# As botocore knows them; the first counts for S3 alone.
_BUCKETS_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

# Seconds that all of an answer may take.
_SECONDS = 5.0


def check_tracking(seconds: float = _SECONDS) -> Diagnosis:
    """Whether the tracking server that the environment names answers.

    It gets no credentials, and so may ask for them, which is an answer, too.
    """
    uri = without_credentials(os.environ.get(_TRACKING_VARIABLE, ""))
    if not uri:
        text = f"{_TRACKING_VARIABLE} names no server: each run keeps its own mlflow.db"
        return Diagnosis("tracking", OK, text)
    if not uri.lower().startswith(("http://", "https://")):
        return Diagnosis("tracking", OK, f"{shown_text(uri)}, which is no server")
    reason = _why_silent(lambda: _ask(f"{uri.rstrip('/')}/health", seconds), seconds)
    if not reason:
        return Diagnosis("tracking", OK, f"{shown_text(uri)} answers")
    return Diagnosis(
        "tracking",
        NOTE,
        f"{shown_text(uri)} does not answer: {reason}; a run would go on without tracking",
        f"start the server, or unset {_TRACKING_VARIABLE}",
    )


def check_buckets(seconds: float = _SECONDS) -> Diagnosis:
    """Whether the server of `s3://` that the environment names answers, without credentials."""
    found = (os.environ.get(name) for name in _BUCKETS_VARIABLES)
    uri = without_credentials(next(filter(None, found), ""))
    variable = _BUCKETS_VARIABLES[-1]
    if not uri:
        return Diagnosis("buckets", OK, f"{variable} names no server: s3:// is Amazon's")
    reason = _why_silent(lambda: _ask(uri, seconds), seconds)
    if not reason:
        return Diagnosis("buckets", OK, f"{shown_text(uri)} answers")
    return Diagnosis(
        "buckets",
        NOTE,
        f"{shown_text(uri)} does not answer: {reason}; only images in s3:// need it",
        f"start the server, or correct {variable}",
    )


def _ask(url: str, seconds: float) -> None:
    try:
        urllib.request.urlopen(url, timeout=seconds).close()
    except urllib.error.HTTPError:
        return  # an answer, such as to say who one is


def check_container_engine(seconds: float = _SECONDS) -> Diagnosis:
    """Whether Docker, or Podman by its socket, answers; only `arcface containers` needs one."""
    reason = _why_silent(lambda: docker.from_env(timeout=int(seconds)).ping(), seconds)
    if not reason:
        return Diagnosis("containers", OK, "a container engine answers")
    return Diagnosis(
        "containers",
        NOTE,
        f"no container engine answers ({reason}); only arcface containers needs one",
        "start Docker, or Podman's socket and name it in DOCKER_HOST",
    )


def _why_silent(ask: Callable[[], object], seconds: float) -> str:
    """Why there was no answer; empty if there was one."""
    try:
        call_within(seconds, ask)
    except TooSlowError:
        return f"not within {seconds:g} seconds"
    except Exception as error:  # whatever is raised below: sockets, HTTP, TLS, Docker's own
        return shown_text(str(getattr(error, "reason", None) or error), limit=120)
    return ""
