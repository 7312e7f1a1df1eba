"""All pairs in Beam: shards of the blocks are counted apart, and what they found is combined."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import AsSingleton
from numpy.typing import ArrayLike, NDArray

from biometrics.arrays import Int32
from biometrics.engine.counting import (
    Counted,
    GenuineCounter,
    ImpostorCounter,
    counted_by,
    merged_genuine,
    merged_impostor,
    nearest_impostors_limit,
    no_mates,
)
from biometrics.engine.kernels import NumpyKernel
from biometrics.engine.key_counts import KeyCounts, KeyList, KeyTable
from biometrics.engine.layout import Block
from biometrics.engine.listed import ListedPairs
from biometrics.engine.pair_scores import PairScores, prepare_pairs
from biometrics.engine.threads import one_blas_thread
from groundfloor import progress
from groundfloor.progress import Pace

_LISTED = ("keys", "first", "second")


def score_pairs_in_beam(
    make_pipeline: Callable[[], beam.Pipeline],
    embeddings: ArrayLike,
    labels: ArrayLike,
    distance: str,
    *,
    shards: int,
    folder: str,
) -> PairScores:
    """`score_pairs` by a Beam pipeline: the same integers, whatever the runner and the shards.

    Args:
      make_pipeline: gives a new pipeline with the runner's options.
      embeddings: real [N, D].
      labels: [N], one value for each person.
      distance: "cosine" or "euclidean".
      shards: parts into which the blocks of pairs are dealt, 1 or more.
      folder: that the workers and this process see, for the embeddings and the outcome.

    Raises:
      EvaluationError: see `score_pairs`.
    """
    layout, scorer = prepare_pairs(embeddings, labels, distance)
    source = os.path.join(folder, "pairs.npz")
    _save(source, {"embeddings": np.asarray(embeddings), "labels": np.asarray(labels)})
    outcome = {kind: os.path.join(folder, f"{kind}.npz") for kind in ("genuine", "impostor")}
    with make_pipeline() as pipeline:
        parts = pipeline | beam.Create(range(shards)) | beam.Reshuffle()
        strips = parts | "CountStrips" >> beam.ParDo(_CountStrips(source, distance, shards))
        genuine = (
            strips
            | "Genuine" >> beam.Keys()
            | "CombineGenuine" >> beam.CombineGlobally(_combined_genuine).without_defaults()
        )
        blocks = parts | "CountBlocks" >> beam.ParDo(
            _CountBlocks(source, distance, shards), AsSingleton(genuine)
        )
        impostor = (
            (strips | "ImpostorOfStrips" >> beam.Values(), blocks)
            | beam.Flatten()
            | "CombineImpostor" >> beam.CombineGlobally(_combined_impostor).without_defaults()
        )
        _ = genuine | "SaveGenuine" >> beam.Map(_save_counted, outcome["genuine"])
        _ = impostor | "SaveImpostor" >> beam.Map(_save_counted, outcome["impostor"])
    return PairScores.of(
        layout, scorer, _load_counted(outcome["genuine"]), _load_counted(outcome["impostor"])
    )


class _CountShard(beam.DoFn):
    """Sorts the images again in the worker, which is little beside counting their pairs."""

    def __init__(self, source: str, distance: str, shards: int):
        self._source = source
        self._distance = distance
        self._shards = shards

    def setup(self) -> None:
        arrays = _load(self._source)
        self._layout, self._scorer = prepare_pairs(
            arrays["embeddings"], arrays["labels"], self._distance
        )

    def _impostor_counter(self, limits: Int32, table: KeyTable) -> ImpostorCounter:
        return ImpostorCounter(
            self._layout,
            self._scorer,
            table,
            limits=limits,
            tail_limit=nearest_impostors_limit(self._layout, self._scorer),
            kernel=NumpyKernel(),
        )

    def _table(self) -> KeyTable:
        return KeyTable(self._scorer.origin, self._scorer.size)

    def _add_all(self, add: Callable[[Block], object], blocks: Iterable[Block], shard: int) -> None:
        # One BLAS thread: the runner has as many workers as there are cores.
        with one_blas_thread():
            for block in itertools.islice(blocks, shard, None, self._shards):
                add(block)


class _CountStrips(_CountShard):
    """Gives the genuine and the impostor pairs of the strips of a shard."""

    def process(self, shard: int) -> Iterator[tuple[Counted, Counted]]:
        limits = no_mates(self._layout, self._scorer)
        keys, table = KeyList(), self._table()
        impostor = self._impostor_counter(limits, table)
        genuine = GenuineCounter(
            self._layout, self._scorer, keys, limits=limits, impostors=impostor
        )
        self._add_all(genuine.add, self._layout.strips(), shard)
        [of_genuine] = counted_by([genuine], keys)
        [of_impostor] = counted_by([impostor], table)
        yield of_genuine, of_impostor


class _CountBlocks(_CountShard):
    """Gives the impostor pairs of the blocks of a shard; in this process, tells how far it is."""

    def setup(self) -> None:
        super().setup()
        layout = self._layout
        self._pace = Pace(layout.genuine_pairs + layout.impostor_pairs - layout.strip_pairs)

    def process(self, shard: int, genuine: Counted) -> Iterator[Counted]:
        table = self._table()
        nearest_mates = genuine.by_row.astype(np.int32, copy=False)  # of genuine pairs it is that
        counter = self._impostor_counter(nearest_mates, table)

        def add(block: Block) -> None:
            pairs = counter.add(block)
            progress.advance("pairs", pairs, note=self._pace.note(pairs))

        self._add_all(add, self._layout.blocks(), shard)
        yield from counted_by([counter], table)


def _combined_genuine(parts: Iterable[Counted]) -> Counted:
    return merged_genuine(list(parts))


def _combined_impostor(parts: Iterable[Counted]) -> Counted:
    return merged_impostor(list(parts))


def _save_counted(counted: Counted, path: str) -> None:
    listed = {
        f"{name}_{field}": getattr(getattr(counted, name), field)
        for name in ("tail", "sampled")
        for field in _LISTED
    }
    arrays = counted.by_key._asdict() | {"by_row": counted.by_row}
    _save(path, arrays | listed)


def _load_counted(path: str) -> Counted:
    arrays = _load(path)
    tail, sampled = (
        ListedPairs(*(arrays[f"{name}_{field}"] for field in _LISTED))
        for name in ("tail", "sampled")
    )
    by_key = KeyCounts(arrays["keys"], arrays["counts"])
    return Counted(by_key, arrays["by_row"], tail, sampled)


def _save(path: str, arrays: dict[str, Any]) -> None:
    with FileSystems.create(path) as file:
        np.savez(file, **arrays)


def _load(path: str) -> dict[str, NDArray[Any]]:
    with FileSystems.open(path) as file, np.load(file, allow_pickle=False) as content:
        return dict(content)
