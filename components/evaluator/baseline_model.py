"""The blessed model that a candidate is compared with, wherever it is kept."""

import os
from dataclasses import dataclass
from typing import Any

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils


@dataclass(frozen=True)
class BaselineModel:
    """A blessed model.

    Attributes:
      uri: of the artifact, or of the pushed model.
      path: of its SavedModel.
      artifact_id: None for a pushed model.
    """

    uri: str
    path: str
    artifact_id: int | None = None


def find_baseline(artifacts: list[Any] | None, pushed_dir: str | None) -> BaselineModel | None:
    """Takes the artifact that a resolver found, else the newest pushed model, else None.

    Args:
      artifacts: `Model`, at most one.
      pushed_dir: where Pusher puts the blessed models.
    """
    if artifacts:
        model = artifact_utils.get_single_instance(artifacts)
        return BaselineModel(model.uri, path_utils.serving_model_path(model.uri), model.id)
    return _newest_pushed(pushed_dir) if pushed_dir else None


def _newest_pushed(pushed_dir: str) -> BaselineModel | None:
    """Pusher names a version by the second of its push, and copies saved_model.pb last."""
    if not fileio.isdir(pushed_dir):
        return None
    # On an object store, folders are listed with a slash at the end.
    names = (name.rstrip("/") for name in fileio.listdir(pushed_dir))
    for name in sorted((name for name in names if name.isdecimal()), key=int, reverse=True):
        path = os.path.join(pushed_dir, name)
        if fileio.exists(os.path.join(path, "saved_model.pb")):
            return BaselineModel(path, path)
    return None
