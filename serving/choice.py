"""Which model of a serving folder is loaded, and what vouches for it: TensorFlow is not needed."""

from dataclasses import dataclass
from pathlib import Path

from biometrics.thresholds.pack import ThresholdPack
from groundfloor.errors import UserError
from serving.file_operations import file_operations
from serving.model_dir import (
    SAVED_MODEL_FILE,
    Newest,
    PushedVersion,
    UnusableModelError,
    load_pack,
    newest_complete,
)


@dataclass(frozen=True)
class ChosenModel:
    """A model that may be loaded.

    Attributes:
      path: of its SavedModel.
      pack: its thresholds, which vouch for every other file; None for a trusted one that has none.
      remarks: what is to be said of the choice, such as newer models that are passed over.
    """

    path: Path
    pack: ThresholdPack | None
    remarks: tuple[str, ...] = ()


def choose_model(folder: Path, trust_model: bool) -> ChosenModel:
    """The newest complete version, or the model that the folder itself is.

    Args:
      folder: of the versions, or a SavedModel.
      trust_model: where there is no complete one, take the newest that can be loaded.

    Raises:
      UserError: there is no model, or none that is vouched for, and it is not trusted either.
    """
    try:
        newest = _single(folder) or newest_complete(str(folder))
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}") from None
    if newest.version:
        passed_over = (f"a newer model is passed over: {why}" for why in newest.skipped.values())
        return ChosenModel(Path(newest.version.path), newest.version.pack, tuple(passed_over))
    if not newest.skipped:
        raise UserError(f"no pushed model in {folder}: run the pipeline, or give --model-dir")
    return _trusted(newest, trust_model)


def _single(folder: Path) -> Newest | None:
    """A folder that is a SavedModel, as if it was the only version; None if it is none."""
    if not (folder / SAVED_MODEL_FILE).is_file():
        return None
    try:
        return Newest(PushedVersion(str(folder), load_pack(folder)))
    except UnusableModelError as error:
        return Newest(None, {str(folder): str(error)})


def _trusted(newest: Newest, trust_model: bool) -> ChosenModel:
    """The newest model that can be loaded, where none is vouched for."""
    loadable = [path for path in newest.skipped if (Path(path) / SAVED_MODEL_FILE).is_file()]
    reason = next(iter(newest.skipped.values()))
    if not loadable:
        raise UserError(reason)
    path = Path(loadable[0])
    if not trust_model:
        raise UserError(f"{reason}. {_why_not_loaded(path)}")
    remark = f"nothing vouches for this model: {newest.skipped[loadable[0]]}"
    return ChosenModel(path, None, (remark,))


def _why_not_loaded(version: Path) -> str:
    """The reason and the remedy: loading a SavedModel runs a program."""
    try:
        operations = file_operations((version / SAVED_MODEL_FILE).read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {version / SAVED_MODEL_FILE}: {error.strerror}") from None
    named = f" (it has operations on files: {', '.join(operations)})" if operations else ""
    return (
        f"Loading a model runs what is in it{named}, and nothing vouches for this one: give "
        f"--trust-model if you know where it is from"
    )
