"""The blessed model that a candidate is compared with, wherever it is kept."""

import logging
import os
from dataclasses import dataclass
from typing import Any

from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.store_files import fileio
from faces.images.preprocess import NOTHING_SAID, PREPROCESSING_FILE, PreparedImages
from serving.model_dir import newest_complete

_log = logging.getLogger(__name__)


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

    A pushed model is taken only if it is complete and its pack vouches for it: loading a SavedModel
    runs what is in it. Others are passed over with a warning.

    Args:
      artifacts: `Model`, at most one.
      pushed_dir: where Pusher puts the blessed models.
    """
    if artifacts:
        model = artifact_utils.get_single_instance(artifacts)
        return BaselineModel(model.uri, path_utils.serving_model_path(model.uri), model.id)
    return _newest_pushed(pushed_dir) if pushed_dir else None


def _newest_pushed(pushed_dir: str) -> BaselineModel | None:
    newest = newest_complete(pushed_dir, fileio)
    for reason in newest.skipped.values():
        _log.warning("not compared with a pushed model: %s", reason)
    return BaselineModel(newest.version.path, newest.version.path) if newest.version else None


def preparation_of(model_path: str) -> str:
    """What a model's images go through, in words; one that does not say it takes them as they are.

    Raises:
      UserError: what it says of it cannot be read.
    """
    path = os.path.join(model_path, PREPROCESSING_FILE)
    if not fileio.exists(path):
        return NOTHING_SAID
    return PreparedImages.from_json(io_utils.read_string_file(path)).description()
