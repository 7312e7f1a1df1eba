"""The command `arcface`: what the files of this folder do, one by one, as its subcommands.

All of them are imported for `arcface --help`; each loads what is heavy only when it runs.
"""

import sys

from pipeline import (
    audit,
    compare,
    compile_kubeflow,
    doctor,
    embed,
    evaluate,
    gallery,
    kubeflow_lint,
    run_containers,
    run_kubeflow,
    run_local,
    serve,
    train,
    upload,
    verify,
)
from pipeline.command import new_app, start

app = new_app()
app.command("run")(run_local.main)
app.command("train")(train.main)
app.command("verify")(verify.main)
app.add_typer(gallery.app, name="gallery")
app.command("serve")(serve.main)
app.command("audit")(audit.main)
app.command("embed")(embed.main)
app.command("evaluate")(evaluate.main)
app.command("compare")(compare.main)
app.command("compile")(compile_kubeflow.main)
app.command("lint")(kubeflow_lint.main)
app.command("submit")(run_kubeflow.main)
app.command("containers")(run_containers.main)
app.command("upload")(upload.main)
app.command("doctor")(doctor.main)


@app.callback()
def main_group() -> None:
    """Face recognition from a folder of images to a measured, served model."""


def main() -> None:
    """Becomes the command that the arguments name."""
    start(app, quiet=sys.argv[1:2] != ["run"])  # whose log keeps what libraries say


if __name__ == "__main__":
    main()
