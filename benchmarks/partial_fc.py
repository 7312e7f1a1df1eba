"""What the head of a training costs by the number of people, in full and sampled (Partial FC).

    .venv/bin/python benchmarks/partial_fc.py

Each line is a process of its own: a head alone, on embeddings of unit length, takes steps forward,
backward and of the optimiser, on the scaled softmax without margin. It prints a table: people,
milliseconds a step of the full and of the sampled head by the clock and of the processors (the
median of the steps), what part of the full head's the sampled one's are, and what memory each takes
at its peak beyond that of the process after its imports. A full head that would take more than
--limit is not run; what it would take follows from the line before. It takes about five minutes of
the processors.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SCALE = 64.0
RATE = 1e-2


class Cost(NamedTuple):
    """Of a step: milliseconds by the clock and of the processors; and GiB at the peak."""

    clock: float
    cpu: float
    memory: float


def full_step(people: int, options: argparse.Namespace) -> Callable[..., Any]:
    """A step of a head all of whose centres are one weight of a Keras optimiser."""
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    from components.trainer.heads import cosines_with  # noqa: PLC0415

    centres = keras.Variable(
        keras.initializers.GlorotNormal(seed=0), shape=(people, options.dimensions)
    )
    optimizer = new_optimizer(options.optimizer)
    optimizer.build([centres])

    @tf.function
    def step(embeddings: Any, labels: Any, number: Any) -> Any:
        del number
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            loss = mean_loss(cosines_with(centres, embeddings), labels)
        gradients = tape.gradient(loss, [embeddings, centres.value])
        optimizer.apply(gradients[1:], [centres])
        return gradients[0]

    return step


def sampled_step(people: int, options: argparse.Namespace) -> Callable[..., Any]:
    """The same of a head that draws a share of the people in each step."""
    import tensorflow as tf  # noqa: PLC0415

    from components.trainer.partial_fc import PartialFC  # noqa: PLC0415
    from components.trainer.row_updates import row_rule_of  # noqa: PLC0415

    head = PartialFC(people, options.rate, row_rule_of(new_optimizer(options.optimizer)), seed=0)
    head.build((None, options.dimensions))

    @tf.function
    def step(embeddings: Any, labels: Any, number: Any) -> Any:
        drawn = head.draw(labels, number)
        with tf.GradientTape() as tape:
            tape.watch([embeddings, drawn.centres])
            loss = mean_loss(head.cosines(embeddings, drawn), drawn.targets)
        gradients = tape.gradient(loss, [embeddings, drawn.centres])
        head.update(drawn, gradients[1], tf.constant(RATE))
        return gradients[0]

    return step


HEADS = {"full": full_step, "sampled": sampled_step}


def new_optimizer(name: str) -> Any:
    """SGD with momentum, or AdamW; both with decay."""
    import keras  # noqa: PLC0415

    if name == "sgd":
        return keras.optimizers.SGD(RATE, momentum=0.9, weight_decay=5e-4)
    return keras.optimizers.AdamW(RATE, weight_decay=5e-4)


def mean_loss(cosines: Any, targets: Any) -> Any:
    """The scaled softmax's."""
    import tensorflow as tf  # noqa: PLC0415

    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, SCALE * cosines))


def measure(head: str, people: int, options: argparse.Namespace) -> Cost:
    """Builds a head in this process and takes steps with it."""
    import tensorflow as tf  # noqa: PLC0415

    random = np.random.default_rng(0)
    embeddings = random.normal(size=(options.batch, options.dimensions)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    before = _peak_gib()
    step = HEADS[head](people, options)
    times = []
    for number in range(options.steps + 1):
        labels = tf.constant(random.integers(0, people, options.batch))
        started, cpu = time.perf_counter(), time.process_time()
        step(tf.constant(embeddings), labels, tf.constant(number, tf.int64)).numpy()
        times.append((time.perf_counter() - started, time.process_time() - cpu))
    clock, processors = zip(*times[1:], strict=True)  # the first makes the graph
    return Cost(
        1e3 * statistics.median(clock), 1e3 * statistics.median(processors), _peak_gib() - before
    )


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def table(options: argparse.Namespace) -> None:
    """Prints the table, a line for each number of people."""
    print(
        f"rate {options.rate}, {options.optimizer}, batch {options.batch}, "
        f"{options.dimensions} dimensions\n\n"
        "| people | full ms | CPU ms | sampled ms | CPU ms | part of full | CPU "
        "| full GiB | sampled GiB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    before: tuple[int, Cost] | None = None
    for people in options.people:
        expected = before[1].memory * people / before[0] if before else 0.0
        full = _in_a_process("full", people) if expected <= options.limit else None
        sampled = _in_a_process("sampled", people)
        print(_line(people, full, sampled, expected), flush=True)
        before = (people, full) if full else before


def _line(people: int, full: Cost | None, sampled: Cost, expected: float) -> str:
    cells = [f"{people:,}"]
    cells += [f"{full.clock:.1f}", f"{full.cpu:.1f}"] if full else ["not run", ""]
    cells += [f"{sampled.clock:.1f}", f"{sampled.cpu:.1f}"]
    cells += (
        [f"{sampled.clock / full.clock:.3f}", f"{sampled.cpu / full.cpu:.3f}"] if full else ["", ""]
    )
    cells += [f"{full.memory:.2f}" if full else f"about {expected:.0f}", f"{sampled.memory:.2f}"]
    return f"| {' | '.join(cells)} |"


def _in_a_process(head: str, people: int) -> Cost:
    command = [sys.executable, __file__, *sys.argv[1:], "--one", head, str(people)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--optimizer", choices=("sgd", "adamw"), default="sgd")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--limit", type=float, default=6.0, help="GiB for a full head")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> None:
    """Prints the table."""
    options = parsed()
    if options.one:
        head, people = options.one
        print(json.dumps(measure(head, int(people), options)))
    else:
        table(options)


if __name__ == "__main__":
    main()
