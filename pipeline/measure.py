"""The command `arcface-measure`: the subcommands of `arcface` that need no TensorFlow and no TFX.

It works where only the dependency group `measure` is installed.
"""

from pipeline import compare, evaluate
from pipeline.command import new_app, start

app = new_app()
app.command("evaluate")(evaluate.main)
app.command("compare")(compare.main)


@app.callback()
def main_group() -> None:
    """Measure embeddings or scores of any face recognition model."""


def main() -> None:
    """Becomes the command that the arguments name."""
    start(app)


if __name__ == "__main__":
    main()
