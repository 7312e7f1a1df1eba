"""Embeddings and facts that the workers found, read by the step's own process."""

import io
import json
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tfx.dsl.io import fileio

from biometrics.arrays import Float32
from components.beam_parts import SaveParts, parts_of
from components.evaluator.embed import ImageFacts
from components.evaluator.outputs import save_arrays

_EMBEDDINGS, _FACTS = "embeddings", "facts"


def save_embeddings(folder: str) -> beam.PTransform:
    """(key bytes, float32 [D]) -> nothing; for `read_embeddings`."""
    return SaveParts(_save_embeddings, folder, _EMBEDDINGS)


def save_facts(folder: str) -> beam.PTransform:
    """`ImageFacts` -> nothing; for `read_facts`."""
    return SaveParts(_save_facts, folder, _FACTS)


def read_embeddings(folder: str) -> tuple[list[bytes], Float32]:
    """The keys that were saved, in their order, and the embedding of each, float32 [N, D]."""
    parts = [_read_arrays(path) for path in parts_of(folder, _EMBEDDINGS)]
    if not parts:
        return [], np.empty((0, 0), np.float32)
    keys = np.concatenate([part["keys"] for part in parts])
    order = np.argsort(keys)
    embeddings = np.concatenate([part["embeddings"] for part in parts])
    return keys[order].tolist(), embeddings[order]


def read_facts(folder: str) -> dict[str, ImageFacts]:
    """The facts that were saved, by key."""
    facts = {}
    for path in parts_of(folder, _FACTS):
        with fileio.open(path) as file:
            for key, reason, picture in json.loads(file.read()):
                facts[key] = ImageFacts(key, reason, bytes.fromhex(picture))
    return facts


def _save_embeddings(embedded: Sequence[tuple[bytes, np.ndarray]], path: str) -> None:
    keys, embeddings = zip(*embedded, strict=True)
    save_arrays(path, keys=np.array(keys), embeddings=np.array(embeddings, np.float32))


def _save_facts(facts: Sequence[ImageFacts], path: str) -> None:
    rows = [(fact.key, fact.reason, fact.picture.hex()) for fact in facts]
    with fileio.open(path, "w") as file:
        file.write(json.dumps(rows))


def _read_arrays(path: str) -> dict[str, NDArray[Any]]:
    with fileio.open(path, "rb") as file, np.load(io.BytesIO(file.read())) as content:
        return dict(content)
