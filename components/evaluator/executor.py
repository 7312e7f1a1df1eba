"""Executor of FaceEvaluator."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from numpy.typing import ArrayLike
from tfx.types import artifact_utils
from tfx.utils import path_utils

from biometrics.arrays import Float32
from biometrics.embeddings import EmbeddingSet, ImageSet, PairScorer
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.evaluation import Evaluation, evaluate
from biometrics.exported import passed
from biometrics.settings import Settings
from biometrics.thresholds.measured_images import describe_images
from biometrics.thresholds.measured_sizes import describe_sizes
from biometrics.thresholds.pack import ThresholdPack, VouchedExport, digest_of_folder
from biometrics.verification import SetResult
from components.beam_executor import BeamExecutor
from components.evaluator.baseline_model import BaselineModel, find_baseline, preparation_of
from components.evaluator.beam_pairs import score_pairs_in_beam
from components.evaluator.config import EvaluationConfig
from components.evaluator.embed import EmbedSplit, ExportOfModel, SavedModel, input_shape_of
from components.evaluator.exports import embed_exports
from components.evaluator.files import read_text
from components.evaluator.gathered import read_embeddings, save_embeddings
from components.evaluator.outputs import (
    track,
    write_blessing,
    write_evaluation,
    write_pack,
)
from components.evaluator.settings import settings_of
from components.evaluator.split_data import SplitData
from components.evaluator.verification import SetEmbedder, measure_sets, trained_on
from components.shards import shard_files
from components.store_files import fileio, on_this_machine
from faces.contract import IMAGE_KEY, TEST, TRAIN, VAL
from groundfloor import progress
from serving.model_dir import contents_of, digest_of_export, versions

EXAMPLES_KEY = "examples"
MODEL_KEY = "model"
BASELINE_MODEL_KEY = "baseline_model"
EVALUATION_KEY = "evaluation"
BLESSING_KEY = "blessing"

EVALUATION_CONFIG_KEY = "evaluation_config"
SEED_KEY = "seed"
CREDIT_KEY = "credit"
MAX_PIXELS_KEY = "max_pixels"
BASELINE_DIR_KEY = "baseline_dir"


class Executor(BeamExecutor):
    """Embeds in Beam, measures, and writes what came out."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates a model.

        Args:
          input_dict:
            - examples: `Examples` of ImageTransform, with the splits `train` and `test`.
            - model: `Model` to evaluate.
            - baseline_model: `Model`, the latest blessed one; may be missing, and then the newest
              one in the property `baseline_dir` takes its place, if that is given.
          output_dict:
            - evaluation: `ModelEvaluation`.
            - blessing: `ModelBlessing`.
          exec_properties: those of `FaceEvaluatorSpec`.

        Raises:
          EvaluationError: the test split cannot measure a model.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = EvaluationConfig.from_property(exec_properties[EVALUATION_CONFIG_KEY])
        model = artifact_utils.get_single_instance(input_dict[MODEL_KEY])
        model_path = path_utils.serving_model_path(model.uri)
        shape = input_shape_of(model_path)
        attributes = config.slices.columns if config.slices and not config.slices.file else ()
        test = _read_split(input_dict, TEST, shape, attributes)
        train = _read_split(input_dict, TRAIN, shape)
        images = test.images()
        test_folder = artifact_utils.get_split_uri(input_dict[EXAMPLES_KEY], TEST)
        embed = partial(self._embed, test_folder, test, batch_size=config.batch_size)
        embedded = images.embedded(embed(SavedModel(model_path)))
        pushed_dir = exec_properties.get(BASELINE_DIR_KEY)
        baseline = find_baseline(input_dict.get(BASELINE_MODEL_KEY), pushed_dir)
        latest_blessed, not_compared = None, _why_none_is_found(pushed_dir)
        if baseline:
            latest_blessed, not_compared = _embedded_by(baseline, model_path, images, embed)
        settings = settings_of(
            config,
            seed=exec_properties[SEED_KEY],
            provenance={"Model artifact": str(model.id)},
            read=read_text,
            credit=exec_properties[CREDIT_KEY],
            not_compared=not_compared,
        )
        evaluation = evaluate(
            embedded,
            settings,
            train=train.images(),
            latest_blessed=latest_blessed,
            score=self._scorer(config),
            verification=self._verified(input_dict, exec_properties, model_path, train, settings),
            exports=embed_exports(model_path, shape, embed),
        )
        folder = artifact_utils.get_single_uri(output_dict[EVALUATION_KEY])
        write_evaluation(folder, evaluation, embedded)
        blessing = artifact_utils.get_single_instance(output_dict[BLESSING_KEY])
        write_blessing(blessing, evaluation, model, baseline)
        write_pack(blessing, _pack(evaluation, config, model_path, test, train))
        track(model_path, evaluation, folder)

    def _embed(
        self,
        test_folder: str,
        test: SplitData,
        model: SavedModel | ExportOfModel,
        batch_size: int,
    ) -> Float32:
        """Embeds the test split, float32 [N, D] in the order of `test`."""
        folder = self._get_tmp_dir()
        with self._make_beam_pipeline() as pipeline:
            embedded = pipeline | EmbedSplit(test_folder, model, batch_size)
            _ = embedded | save_embeddings(folder)
        keys, embeddings = read_embeddings(folder)
        if keys != test.columns[IMAGE_KEY].tolist():
            raise RuntimeError("the embeddings are not those of the test split's images")
        return embeddings

    def _verified(
        self,
        input_dict: dict[str, list[Any]],
        exec_properties: Mapping[str, Any],
        model_path: str,
        train: SplitData,
        settings: Settings,
    ) -> dict[str, SetResult]:
        """The verification sets by name; only for them is the split `val` read."""
        config = EvaluationConfig.from_property(exec_properties[EVALUATION_CONFIG_KEY])
        sets = config.sets()
        if not sets:
            return {}
        embedder = SetEmbedder(
            self._make_beam_pipeline,
            self._get_tmp_dir(),
            model_path,
            config.batch_size,
            exec_properties[MAX_PIXELS_KEY],
        )
        seen = [train]
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        if VAL in artifact_utils.decode_split_names(examples.split_names):
            seen.append(_read_split(input_dict, VAL, train.input_shape))
        return measure_sets(sets, embedder, trained_on(seen), settings)

    def _scorer(self, config: EvaluationConfig) -> PairScorer:
        """Scores all pairs, in Beam where that is asked for."""
        shards = config.shards
        if shards is None:
            return score_pairs

        def score(embeddings: ArrayLike, identities: Sequence[str], distance: str) -> PairScores:
            return score_pairs_in_beam(
                self._make_beam_pipeline,
                embeddings,
                identities,
                distance,
                shards=shards,
                folder=self._get_tmp_dir(),
            )

        return score


def _read_split(
    input_dict: dict[str, list[Any]],
    split: str,
    input_shape: tuple[int, int, int],
    attributes: Sequence[str] = (),
) -> SplitData:
    folder = artifact_utils.get_split_uri(input_dict[EXAMPLES_KEY], split)
    return SplitData.read(shard_files(folder), input_shape, attributes)


def _embedded_by(
    baseline: BaselineModel,
    model_path: str,
    images: ImageSet,
    embed: Callable[[SavedModel], Float32],
) -> tuple[EmbeddingSet | None, str]:
    """The images as a blessed model embeds them; or None, and why it cannot be compared with."""
    with on_this_machine(baseline.path) as path:
        difference = _difference(path, model_path)
        if difference:
            return None, difference
        with progress.silenced():  # the images have been counted
            return images.embedded(embed(SavedModel(path))), ""


def _why_none_is_found(pushed_dir: str | None) -> str:
    """Why a blessed model that there is cannot be compared with; empty if there is none."""
    if pushed_dir and versions(pushed_dir, fileio):
        return f"none in {pushed_dir} is whole and vouched for by its own thresholds"
    return ""


def _difference(baseline_path: str, model_path: str) -> str:
    """Why two models cannot be measured on the same pixels; empty if they can."""
    paths = baseline_path, model_path
    theirs, ours = ("x".join(map(str, input_shape_of(path))) for path in paths)
    if theirs != ours:
        return f"it takes images of {theirs}, this one of {ours}"
    theirs, ours = (preparation_of(path) for path in paths)
    return "" if theirs == ours else f"its images are {theirs}; those of this one {ours}"


def _pack(
    evaluation: Evaluation,
    config: EvaluationConfig,
    model_path: str,
    test: SplitData,
    train: SplitData,
) -> ThresholdPack:
    return evaluation.thresholds.pack(
        distance=config.distance,
        model_sha256=digest_of_folder(contents_of(model_path, fileio)),
        data_sha256=test.digest(),
        measured_images=describe_images(test.sample(), train.sample()),
        measured_sizes=describe_sizes(*test.sizes()),
        exports={
            name: VouchedExport(digest_of_export(model_path, name, fileio), export["farthest"])
            for name, export in passed(evaluation.metrics).items()
        },
    )
