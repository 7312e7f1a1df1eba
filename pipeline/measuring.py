"""From embeddings, scores, or a model and images to a folder with all that was found."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from biometrics.embedding_files import EMBEDDINGS_FILE, embeddings_sha256, read_embeddings
from biometrics.embeddings import EmbeddingSet
from biometrics.evaluation import Evaluation, evaluate
from biometrics.figures.names import is_known
from biometrics.matching import same_images
from biometrics.protocols.base import ProtocolResult
from biometrics.result_files import (
    METRICS_FILE,
    REASONS_FILE,
    REPORT_FILE,
    embeddings_file,
    evaluation_files,
    reasons_text,
)
from biometrics.score_evaluation import OF_SCORES, evaluate_scores
from biometrics.score_files import read_score_lists, read_scores
from biometrics.settings import Settings
from biometrics.thresholds.pack import THRESHOLDS_FILE, digest_of_images
from biometrics.verification import Leak, SetResult
from components.evaluator.config import EvaluationConfig
from components.evaluator.settings import settings_of
from groundfloor.errors import UserError
from groundfloor.text import shown_text
from pipeline.config import Config, load_config
from pipeline.console import TextConsole, showing_work
from pipeline.measured import Measured, ModelRequest
from pipeline.pair_scoring import scorer_of
from pipeline.quiet import quiet_import

_BOUND = re.compile(r"\s*(.+?)\s*(<=|>=)\s*(\S+)\s*")
_SIDES = {"<=": "max", ">=": "min"}


@dataclass(frozen=True)
class Request:
    """What the command was given.

    Attributes:
      measured: the embeddings, the scores or the model.
      output: the folder to write to, new or empty.
      labels: of an .npy; see `read_embeddings`.
      scores: `distance` or `similarity`, where scores are measured.
      impostor: the scores of impostor pairs, where they have a file of their own.
      config: a configuration file; None: the defaults.
      overrides: `key=value` of the configuration.
      bounds: such as `EER<=0.05`.
      latest_blessed: embeddings of the same images by another model, or a folder with them.
      model: how a model is measured, where it is one.
    """

    measured: Path
    output: Path
    labels: Path | None = None
    scores: str | None = None
    impostor: Path | None = None
    config: Path | None = None
    overrides: Sequence[str] = ()
    bounds: Sequence[str] = ()
    latest_blessed: Path | None = None
    model: ModelRequest | None = None


def measure(request: Request, console: TextConsole) -> bool:
    """Measures, writes the folder and prints what was found; says whether the model is blessed.

    Raises:
      UserError: something that was given is wrong, or the folder cannot be written.
    """
    _check_new(request.output)
    config = _configuration(request)
    if request.scores is not None and request.model:
        raise UserError("--images are for a model, and --scores for scores: give one of them")
    if request.scores is not None:
        evaluation, files = _measured_scores(request, request.scores, config)
    elif request.model is not None:
        measured = _of_model(request, request.model, config, console)
        evaluation, files = _evaluated(measured, request, config)
    else:
        evaluation, files = _evaluated(_of_file(request, config), request, config)
    write_files(request.output, files)
    _print(evaluation, request.output, console)
    return evaluation.blessing.blessed


def _of_file(request: Request, config: Config) -> Measured:
    if request.impostor or request.measured.suffix.lower() in (".csv", ".tsv", ".txt"):
        raise UserError(
            f"{request.measured}: what scores mean is not guessed: give --scores distance, of "
            "which lower ones speak for one person, or --scores similarity"
        )
    images = read_embeddings(request.measured, request.labels)
    return Measured(images, {"Measured": request.measured.name}, _not_embedded(config.evaluation))


def _of_model(
    request: Request, model: ModelRequest, config: Config, console: TextConsole
) -> Measured:
    if request.labels or request.impostor:
        raise UserError(
            "--labels and --impostor are for embeddings and scores, and --images for a model"
        )
    try:
        with quiet_import():
            from pipeline.model_images import embed_images  # noqa: PLC0415 - TensorFlow
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed: a model is measured with the whole package, and the "
            "group `measure` is enough for embeddings and scores"
        ) from None
    return embed_images(model, config, console)


def _evaluated(
    measured: Measured, request: Request, config: Config
) -> tuple[Evaluation, dict[str, bytes]]:
    images = measured.images
    settings = _settings(config, measured)
    latest_blessed = _latest_blessed(request.latest_blessed, images)
    score = scorer_of(config, request.output.absolute().parent)
    with showing_work(TextConsole(stderr=True), "measuring"):
        evaluation = evaluate(
            images,
            settings,
            latest_blessed=latest_blessed,
            score=score,
            verification=measured.verification,
        )
    own = {
        EMBEDDINGS_FILE: embeddings_file(images),
        THRESHOLDS_FILE: _pack(evaluation, images, settings).encode(),
    }
    return evaluation, _files(evaluation) | own | dict(measured.files)


def _measured_scores(
    request: Request, kind: str, config: Config
) -> tuple[Evaluation, dict[str, bytes]]:
    if request.labels or request.latest_blessed:
        raise UserError(
            "--labels and --latest-blessed are for embeddings: scores name no images that they "
            "could be matched by"
        )
    if request.impostor:
        scores = read_score_lists(request.measured, request.impostor, kind)
    else:
        scores = read_scores(request.measured, kind)
    provenance = {"Measured": request.measured.name}
    settings = settings_of(config.evaluation, seed=config.data.seed, provenance=provenance)
    unused = sorted(config.evaluation.model_fields_set - OF_SCORES)
    evaluation = evaluate_scores(scores, settings, not_heeded=unused)
    return evaluation, _files(evaluation)


def _configuration(request: Request) -> Config:
    """The configuration, with what the options say of it.

    Raises:
      UserError: see `load_config` and `parse_bounds`.
    """
    overrides = list(request.overrides)
    if request.bounds:
        overrides.append(f"evaluation.bounds={json.dumps(parse_bounds(request.bounds))}")
    if request.model:
        overrides += request.model.overrides()
    return load_config(request.config, overrides)


def parse_bounds(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Figure -> `min` and `max`, of bounds such as `EER<=0.05`.

    Raises:
      UserError: one of them is no bound, or a side of a figure is given twice.
    """
    bounds: dict[str, dict[str, float]] = {}
    for text in texts:
        name, side, value = _parsed_bound(text)
        if side in bounds.setdefault(name, {}):
            raise UserError(f"--bounds gives the {side} of {shown_text(name)} twice: give one")
        bounds[name][side] = value
    return bounds


def _parsed_bound(text: str) -> tuple[str, str, float]:
    found = _BOUND.fullmatch(text)
    try:
        if found:
            return found[1], _SIDES[found[2]], float(found[3])
    except ValueError:
        pass
    raise UserError(
        "--bounds takes a figure, <= or >=, and a number, such as 'EER<=0.05'. "
        f"Received: {shown_text(text)}"
    )


def _settings(config: Config, measured: Measured) -> Settings:
    """Without training images baselines are missing: they are asked for by name or not at all."""
    settings = settings_of(config.evaluation, seed=config.data.seed, provenance=measured.provenance)
    settings = replace(settings, remarks=measured.remarks)
    if "beat_baselines" in config.evaluation.model_fields_set:
        return settings
    return replace(settings, rules=replace(settings.rules, beat_baselines=False))


def _latest_blessed(path: Path | None, images: EmbeddingSet) -> EmbeddingSet | None:
    """The embeddings of the latest blessed model, of the images that are measured.

    Raises:
      UserError: see `read_embeddings` and `same_images`; or it is metrics.json alone.
    """
    if path is None:
        return None
    if path.suffix == ".json":
        raise UserError(
            f"--latest-blessed: {path} has figures and no pairs, which a paired comparison needs: "
            f"give the embeddings, such as {EMBEDDINGS_FILE} beside it"
        )
    return same_images(images, read_embeddings(path))


def _not_embedded(config: EvaluationConfig) -> dict[str, SetResult]:
    """The verification sets that are asked for, none of which can be measured here."""
    why = UserError("their images have to be embedded, and there is no model, only embeddings")
    return {
        name: SetResult.of(ProtocolResult.not_measured(why), {}, Leak(names_compared=False))
        for name in config.sets()
    }


def _files(evaluation: Evaluation) -> dict[str, bytes]:
    return evaluation_files(evaluation) | {REASONS_FILE: reasons_text(evaluation).encode()}


def _pack(evaluation: Evaluation, images: EmbeddingSet, settings: Settings) -> str:
    """The content of thresholds.json, for whoever has embeddings of the same model.

    There is no model to vouch for: in place of its digest stands that of the embeddings, which no
    model can have, so that the pack is never taken for one of a pushed model.
    """
    nothing = [b""] * len(images.keys)
    return evaluation.thresholds.pack(
        distance=settings.distance,
        model_sha256=embeddings_sha256(images),
        data_sha256=digest_of_images(images.keys, images.identities, nothing),
    ).to_json()


def _check_new(folder: Path) -> None:
    """Refuses a folder that holds anything: nothing is lost, and results are not mixed.

    Raises:
      UserError: it does, or it is none.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--output: {folder} is there already: give a new folder, or remove it")


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files by their paths relative to the folder.

    Raises:
      UserError: it cannot be written.
    """
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error}") from None


def _print(evaluation: Evaluation, folder: Path, console: TextConsole) -> None:
    """The figures with their intervals, what has no number, the decision, and where it all is."""
    remarks = evaluation.metrics.get("remarks", ())
    for line in (*figure_lines(evaluation.metrics), *remarks, *evaluation.blessing.reasons):
        console.say(line)
    blessed = evaluation.blessing.blessed
    console.say("blessed" if blessed else "not blessed", "green" if blessed else "red")
    console.say(f"report: {folder / REPORT_FILE}, figures: {folder / METRICS_FILE}")


def figure_lines(metrics: Mapping[str, Any]) -> list[str]:
    """A line for each figure of the top level, with its interval, and for each that is refused."""
    given = {name: value for name, value in metrics.items() if isinstance(value, float)}
    if "scores" in metrics:
        given["EER_threshold"] = metrics["scores"]["EER_threshold"]
    lines = [
        f"{name:22} {value:.4f}{_interval(metrics['intervals'].get(name))}"
        for name, value in given.items()
    ]
    pairs = metrics["counts"]["impostor_pairs"]
    for name, needed in metrics["unsupported"].items():
        lines.append(
            f"{name:22} no number: it takes {needed:,} impostor pairs, there are {pairs:,}"
        )
    return lines


def _interval(interval: Sequence[float] | None) -> str:
    if interval is None:
        return ""
    if not is_known(interval):
        return "   95 % interval not known"
    return f"   95 % interval {interval[0]:.4f} to {interval[1]:.4f}"
