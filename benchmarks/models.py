"""Every backbone beside what is published of it, and its speed on this machine.

    .venv/bin/python benchmarks/models.py            prints the table
    .venv/bin/python benchmarks/models.py --write    puts it into docs/models.md, too

Parameters are the trainable ones, without the averages of batch normalisation. MACs are the
multiplications with an addition in convolutions, dense layers and products of matrices, for one
image, without normalisations, activations and biases. Both are without the head of the people.
docs/models.md says where a source counts otherwise.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from components.trainer.backbones.names import BACKBONE_NAMES
from components.trainer.model import FaceEmbeddingModel, build_arcface_model

SHAPE = (112, 112, 3)
EMBEDDING_DIM = 512
PEOPLE = 1_000
BATCH = 8
SECONDS = 3.0

DOCUMENT = Path(__file__).parent.parent / "docs/models.md"
_BEGIN, _END = "<!-- benchmarks/models.py -->\n", "<!-- end -->\n"


class Published(NamedTuple):
    """What is published of a network for 112x112 RGB images; docs/models.md says where.

    Attributes:
      parameters: in millions.
      macs: in millions.
      embedding_dim: that it is counted with.
    """

    parameters: float
    macs: float
    embedding_dim: int = EMBEDDING_DIM


PUBLISHED = {
    "mobilefacenet": Published(0.99, 221.0, embedding_dim=128),
    "ghostfacenet": Published(4.09, 215.7),
    "edgeface_xs": Published(1.77, 154.0 / 2),  # the paper counts two FLOPs to a MAC
    "iresnet18": Published(24.0, 2_600.0),
    "iresnet50": Published(43.6, 6_300.0),
    "iresnet100": Published(65.2, 12_100.0),
}


def parameters(model: keras.Model) -> int:
    """The trainable parameters of a model."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def macs(model: keras.Model) -> int:
    """The multiplications with an addition that a model makes of one image; see above.

    Args:
      model: a functional model, whose layers are not models.
    """
    return sum(map(_macs_of, model.operations))


def _macs_of(operation: keras.Operation) -> int:
    """A kernel is used once at each place of the output, whatever it convolves."""
    if type(operation).__name__ == "Matmul":
        return math.prod(operation.output.shape[1:]) * operation.input[0].shape[-1]
    kernel = getattr(operation, "kernel", None)
    if kernel is None or len(kernel.shape) == 1:
        return 0
    return math.prod(operation.output.shape[1:-1]) * math.prod(kernel.shape)


def build(name: str) -> FaceEmbeddingModel:
    """The network of a name, for 112x112 RGB images, with the embedding of what is published."""
    dim = PUBLISHED[name].embedding_dim if name in PUBLISHED else EMBEDDING_DIM
    return FaceEmbeddingModel(SHAPE, dim, backbone=name)


def rate(step: Callable[[], object]) -> float:
    """Images a second of a core, in a step that takes `BATCH`, after one that compiles.

    Processor time is counted, so that what else the machine does matters little.
    """
    step()
    steps, start = 0, time.process_time()
    while steps == 0 or time.process_time() - start < SECONDS:
        step()
        steps += 1
    return steps * BATCH / (time.process_time() - start)


def rates(model: FaceEmbeddingModel) -> tuple[float, float]:
    """Images a second of a core: embedded, and trained on with the head of `PEOPLE` and SGD."""
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (BATCH, *SHAPE)).astype(np.float32)
    labels = draws.integers(0, PEOPLE, BATCH)
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    classifier = build_arcface_model(model, PEOPLE, 0.5, 64.0, optimizer=optimizer)
    forward = rate(lambda: model.predict_on_batch(pixels))
    return forward, rate(lambda: classifier.train_on_batch(pixels, labels))


def table(names: Sequence[str]) -> Iterator[str]:
    """The lines of the table, in Markdown, each when it is measured."""
    yield "| `model.backbone` | parameters | published | MACs | published | images/s | trained/s |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for name in names:
        keras.utils.clear_session()
        model = build(name)
        forward, trained = rates(model)
        yield f"| `{name}` | {' | '.join(counts(name, model))} | {forward:.1f} | {trained:.2f} |"


def counts(name: str, model: FaceEmbeddingModel) -> tuple[str, str, str, str]:
    """Parameters and MACs in millions, each beside the published figure."""
    published = PUBLISHED.get(name)
    return (
        f"{parameters(model) / 1e6:.2f} M",
        f"{published.parameters:.2f} M" if published else "-",
        f"{macs(model) / 1e6:,.0f} M",
        f"{published.macs:,.0f} M" if published else "-",
    )


def with_table(document: str, lines: Sequence[str]) -> str:
    """The text of the document with another table."""
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "".join(f"{line}\n" for line in lines) + _END + after


def main() -> None:
    """Prints the table, and writes it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("backbone", nargs="*", default=BACKBONE_NAMES)
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT.name}, too")
    options = parser.parse_args()
    if options.write and set(options.backbone) != set(BACKBONE_NAMES):
        parser.error("--write takes the table of all backbones")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    lines = []
    for line in table(options.backbone):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(), lines))


if __name__ == "__main__":
    main()
