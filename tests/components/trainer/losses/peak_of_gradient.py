"""Prints how many arrays [N, C] a loss and its gradient take at their peak; nothing: not known.

A process of its own: what another test has freed would be taken again unseen.
"""

from pathlib import Path

import tensorflow as tf

from components.trainer.losses.cross_entropy import margin_cross_entropy

IMAGES, CLASSES = 64, 2**18
ARRAY_MIB = IMAGES * CLASSES * 4 / 2**20  # above what malloc keeps for itself when it is freed


def status_mib(key: str) -> float:
    """A figure of this process in MiB, such as `VmRSS`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


def main() -> None:
    """Prints it."""
    cosines = tf.random.stateless_uniform((IMAGES, CLASSES), (1, 2), -1.0, 1.0)
    labels = tf.range(IMAGES)

    @tf.function
    def gradient(cosines: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(cosines)
            losses = margin_cross_entropy(cosines, labels, lambda own: own - 0.35, 64.0)
        return tape.gradient(losses, cosines)

    gradient.get_concrete_function(cosines)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except OSError:
        return
    before = status_mib("VmRSS")
    kept = gradient(cosines)
    print((status_mib("VmHWM") - before) / ARRAY_MIB if kept is not None else "")


if __name__ == "__main__":
    main()
