"""Brings to MLflow what it had not taken when it was logged: each thing once, however often tried.

What a store has already is left alone, so an upload that is interrupted can be done again. A folder
whose content has arrived is removed.
"""

import importlib
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.tracking import outbox
from components.tracking.client import (
    CHAMPION,
    RunClient,
    create_run,
    find_run,
    load_mlflow,
    new_client,
)
from components.tracking.outbox import TRAINING, Item, Kept
from components.tracking.run import with_credentials
from groundfloor.credentials import without_credentials
from groundfloor.errors import UserError
from groundfloor.text import shown_text


class UploadError(UserError):
    """The store does not take it; what has not arrived is still there."""


def upload(kept: Kept) -> list[str]:
    """Brings what one outbox holds to its store, and removes the outbox.

    Args:
      kept: of `outboxes_below`; the training that writes to it has ended.

    Returns:
      What there is to say of it, a sentence each.

    Raises:
      UploadError: the store does not answer, or refuses something.
    """
    uri = with_credentials(kept.run.tracking_uri)
    try:
        load_mlflow()
        remarks = _send_all(kept, uri)
    except Exception as error:  # whatever MLflow, its server or its store may raise
        words = f"{type(error).__name__}: {error}"
        raise UploadError(
            f"{shown_text(kept.run.tracking_uri)} does not take what {kept.folder} holds: "
            f"{shown_text(without_credentials(words, uri))}"
        ) from None
    shutil.rmtree(kept.folder)
    with suppress(OSError):  # others are in it still
        kept.folder.parent.rmdir()
    return remarks


def _send_all(kept: Kept, uri: str) -> list[str]:
    run_id = _run_id(kept, uri)
    run = RunClient(uri, run_id)
    points = run.missing_points(kept.points())
    run.points(points)
    remarks = [f"{kept.run.experiment}, run {run_id}: {len(points)} points of {kept.step}"]
    for item in kept.items:
        remarks += _send(run, kept.folder, item)
    ended = outbox.STATUS in {item.kind for item in kept.items}
    if kept.step == TRAINING and not ended and run.is_running():
        run.status("KILLED")
        remarks.append("the training was killed, and so is the run")
    return remarks


def _run_id(kept: Kept, uri: str) -> str:
    """The run's id; it begins now if the store has never heard of it."""
    client = new_client(uri)
    return kept.run.run_id or find_run(client, kept.run) or create_run(client, kept.run, kept.start)


def _send(run: RunClient, folder: Path, item: Item) -> list[str]:
    """Sends one thing but the points; returns what there is to say of it."""
    content = item.content
    match item.kind:
        case outbox.PARAMS:
            run.params(run.missing_params(content["params"]))
        case outbox.TEXT:
            run.text(content["text"], content["name"])
            return [content["name"]]
        case outbox.FILE:
            run.file(folder / content["file"], content["folder"])
            return [f"{content['folder']}/{content['file']}"]
        case outbox.MODEL:
            return _send_model(run, folder, content)
        case outbox.REGISTER:
            return _register(run, content)
        case outbox.STATUS:
            run.status(content["status"], content["time"])
    return []


def _register(run: RunClient, content: Mapping[str, Any]) -> list[str]:
    name = content["name"]
    if run.register(name, content["tags"], before=content["before"]):
        return [f"its model is the {CHAMPION} of {name!r}"]
    return [f"its model is registered as {name!r}; a younger one stays its {CHAMPION}"]


def _send_model(run: RunClient, folder: Path, content: Mapping[str, Any]) -> list[str]:
    """Logs the kept model, unless the run has one."""
    if run.logged_model():
        return []
    saving = importlib.import_module("keras").saving  # TensorFlow's seconds, for a model alone
    model = saving.load_model(folder / content["file"])
    run.model(model, content["input_shape"], content["embedding_dim"])
    return ["its model"]
