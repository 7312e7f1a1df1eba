"""A model that is measured on images: opened, held to what is declared of it, and asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np

from biometrics.embeddings import EmbeddingSet
from components.evaluator.settings import settings_of
from faces.images.preprocess import PreparedImages, Preprocessing
from faces.quarantine import FILE_NAME, TABLE_FILE_NAME
from faces.record import Listing, Source
from faces.sources import SourceOptions, source_at
from faces.sources.spans import newest_span
from groundfloor.errors import UserError
from groundfloor.paths import checked_location
from pipeline.config import Config
from pipeline.console import NodeDisplay, TextConsole
from pipeline.embedded_images import EmbeddedImages, Network, embed_source
from pipeline.measured import Measured, ModelRequest
from pipeline.pair_set_images import measure_pair_set
from pipeline.quiet import quiet_import
from pipeline.tried_forms import Trial, form_json, try_forms
from serving.models import open_model
from serving.models.input_form import InputForm, form_of
from serving.models.model import Model

PREPARATION_FILE = "preparation.json"


def embed_images(request: ModelRequest, config: Config, console: TextConsole) -> Measured:
    """Embeds the images, and tries other forms of the model's input on some of them.

    The images are listed and the declarations checked before anything is embedded.

    Raises:
      UserError: the model cannot be opened, what is declared does not go with it, or too many of
        the images cannot be used.
    """
    source, listing = _listed(request, config)
    with quiet_import():  # runtimes say what they compute with when they first do
        network = _network(request, listing, config)
    sets = config.evaluation.sets()
    settings = settings_of(config.evaluation, seed=config.data.seed, provenance={})
    display = NodeDisplay(console, nodes=2 + len(sets))
    with display.watching():
        with _step(display, "embedding"):
            embedded = embed_source(source, listing, network)
        embedded.quarantine.require_below(config.data.max_quarantined)
        with _step(display, "trying other forms"):
            trial = _trial(embedded.images, network, request, config)
        verification = {}
        for name, pairs in sets.items():
            with _step(display, name):
                verification[name] = measure_pair_set(pairs, network, settings)
    return Measured(
        embedded.images,
        _provenance(request, network),
        verification,
        [*trial.remarks(), *_remarks(embedded, listing, network.model)],
        _files(network, embedded, trial),
    )


@contextmanager
def _step(display: NodeDisplay, name: str) -> Iterator[None]:
    display.on_start(name)
    yield
    display.on_finish()


def _listed(request: ModelRequest, config: Config) -> tuple[Source, Listing]:
    try:
        location = checked_location(request.images)
    except ValueError as error:
        raise UserError(f"--images: {error}") from None
    options: SourceOptions = config.data.source_options()
    source = source_at(newest_span(location).location, config.data.source, options)
    return source, source.list()


def _network(request: ModelRequest, listing: Listing, config: Config) -> Network:
    """The model, with all that is declared of it checked; it has embedded one image."""
    model = open_model(request.place, trust_model=request.trust_model)
    form = form_of(model, request.declared)
    preprocessing = _preprocessing(model, form, config)
    _check_alignment(request, listing, preprocessing)
    network = Network(model, form, preprocessing, request.batch_size, config.data.max_pixels)
    network.embed(np.full((1, *form.input_shape), 127, np.uint8))
    return network


def _preprocessing(model: Model, form: InputForm, config: Config) -> Preprocessing:
    """What the model says of itself; or what is asked for, of a model that says nothing.

    Raises:
      UserError: both say something, and not the same.
    """
    if model.prepared is None:
        return config.image.preprocessing(form.input_shape)
    own = model.prepared.preprocessing
    for name in sorted(config.image.model_fields_set):
        asked, known = getattr(config.image, name), getattr(own, name)
        if asked != known:
            raise UserError(
                f"image.{name} (--align, --detector, --set) is {asked}, and {model.name} says that "
                f"its images went through {known}: leave it out"
            )
    return own


def _check_alignment(request: ModelRequest, listing: Listing, preprocessing: Preprocessing) -> None:
    """Refuses to align images of whose faces nobody knows anything.

    Raises:
      UserError: so it is.
    """
    known = any(record.landmarks or record.box for record in listing.records)
    if request.align and not known and not preprocessing.detects:
        raise UserError(
            f"--align: {request.images} gives no landmarks: give a manifest that does, or "
            "--detector mtcnn, or --no-align"
        )


def _trial(images: EmbeddingSet, network: Network, request: ModelRequest, config: Config) -> Trial:
    return try_forms(
        images,
        network,
        most=request.tried_images,
        distance=config.evaluation.distance,
        seed=config.data.seed,
    )


def _provenance(request: ModelRequest, network: Network) -> dict[str, str]:
    height, width, _ = network.form.input_shape
    form = f"{height}x{width}, {network.form}"
    return {"Measured": network.model.name, "Images": request.images, "Input": form}


def _remarks(embedded: EmbeddedImages, listing: Listing, model: Model) -> list[str]:
    quarantine, sameness = embedded.quarantine, embedded.quarantine.sameness
    remarks = [*listing.remarks(), *quarantine.remarks(), *embedded.prepared.remarks()]
    if quarantine.rows:
        counts = ", ".join(f"{times} {reason}" for reason, times in quarantine.counts.items())
        remarks.append(
            f"not measured: {len(quarantine.rows)} of {quarantine.files} images ({counts}), "
            f"listed in {TABLE_FILE_NAME}"
        )
    if sameness.pictures < sameness.images:
        remarks.append(
            f"{sameness.images - sameness.pictures} images are equal to the pixel to another one: "
            "any model takes those for one person"
        )
    return [*model.remarks, *remarks, *_unlike(embedded.prepared, model)]


def _unlike(prepared: PreparedImages, model: Model) -> list[str]:
    """Where images are not prepared as those of a model's training were."""
    if model.prepared is None or not set(prepared.total()) - set(model.prepared.total()):
        return []
    return [
        f"the model's own images were {model.prepared.description()}, and these are "
        f"{prepared.description()}: it may do better than is measured here"
    ]


def _files(network: Network, embedded: EmbeddedImages, trial: Trial) -> dict[str, bytes]:
    content = {
        "model": network.model.name,
        "takes": str(network.model.input),
        "form": form_json(network.form),
        "images": asdict(embedded.prepared),
        "other_forms": trial.to_json(),
    }
    return {
        PREPARATION_FILE: (json.dumps(content, indent=2, sort_keys=True) + "\n").encode(),
        FILE_NAME: embedded.quarantine.to_json().encode(),
        TABLE_FILE_NAME: embedded.quarantine.to_csv().encode(),
    }
