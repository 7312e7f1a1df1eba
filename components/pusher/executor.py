"""Executor of the Pusher: TFX's own, which pushes model and threshold pack as one."""

import os
from typing import Any

from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from biometrics.thresholds.pack import (
    PACK_PROPERTY,
    THRESHOLDS_FILE,
    ThresholdPack,
    digest_of_folder,
)
from components.run_environment import tracking_store
from components.store_files import fileio
from components.tracking import outbox
from components.tracking.steps import later_tracker
from groundfloor.errors import UserError
from serving.model_dir import (
    contents_of,
    copy_version,
    digest_of_export,
    newest_complete,
    push_version,
)


class Executor(executor.Executor):
    """Pushes a blessed model with the thresholds that were chosen for it, and its usable exports.

    A distance means nothing without the thresholds of the very model that gave it, so the two are
    pushed as one: TensorFlow Serving leaves `assets.extra` to such companions of a model. TFX's own
    Pusher copies straight into the folder that is served, where a kill leaves half of a model.
    """

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes, unless the newest version is this very model with these thresholds.

        Args:
          input_dict:
            - model: `Model`.
            - model_blessing: `ModelBlessing` of FaceEvaluator.
          output_dict:
            - pushed_model: `PushedModel`, marked as TFX's Pusher does; `PACK_PROPERTY` is the
              digest of the thresholds.
          exec_properties:
            - push_destination: JSON of pusher_pb2.PushDestination.

        Raises:
          UserError: the model or the thresholds are not those that were evaluated.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model_path = self.GetModelPath(input_dict)
        blessing = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.MODEL_BLESSING_KEY]
        )
        pack_path = os.path.join(blessing.uri, THRESHOLDS_FILE)
        pack = _evaluated_pack(pack_path, model_path, blessing)
        folder = _base_directory(exec_properties)
        newest = newest_complete(folder, fileio).version
        if newest and newest.pack == pack:
            version = newest.path
        else:
            version = push_version(folder, model_path, pack_path, fileio, pack.exports)
        # TFX keeps a copy in its own store too; a killed attempt may have left a part of it.
        if fileio.exists(pushed.uri):
            fileio.rmtree(pushed.uri)
        copy_version(pushed.uri, model_path, pack_path, fileio, pack.exports)
        pushed.set_string_custom_property(PACK_PROPERTY, pack.sha256)
        self._MarkPushed(
            pushed, pushed_destination=version, pushed_version=os.path.basename(version)
        )
        _register(model_path, pack, pushed.uri)


def _register(model_path: str, pack: ThresholdPack, folder: str) -> None:
    """Makes a model that was pushed the champion of MLflow's registry, where that is asked for."""
    store = tracking_store()
    if store is None or store.registered_model is None:
        return
    tracker = later_tracker(model_path, outbox.PUSH, folder)
    if tracker is not None:
        tracker.register(store.registered_model, {PACK_PROPERTY: pack.sha256})


def _base_directory(exec_properties: dict[str, Any]) -> str:
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(
        exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
    )
    return destination.filesystem.base_directory


def _evaluated_pack(pack_path: str, model_path: str, blessing: Any) -> ThresholdPack:
    """The thresholds, held against the metadata store and against the model."""
    with fileio.open(pack_path, "rb") as file:
        text = file.read()
    try:
        pack = ThresholdPack.from_json(text)
    except UserError as error:
        raise UserError(f"cannot push {pack_path}: {error}") from None
    # A blessing that was made elsewhere may have no such property.
    recorded = blessing.get_string_custom_property(PACK_PROPERTY)
    if recorded and recorded != pack.sha256:
        raise UserError(f"cannot push {pack_path}: it is not what the evaluation wrote")
    if pack.model_sha256 != digest_of_folder(contents_of(model_path, fileio)):
        raise UserError(f"cannot push {model_path}: its files are not those that were evaluated")
    for name, export in pack.exports.items():
        if digest_of_export(model_path, name, fileio) != export.sha256:
            raise UserError(f"cannot push {model_path}: its export {name} is not as evaluated")
    return pack
