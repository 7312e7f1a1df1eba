"""People in a gallery, one SQLite file: enrol, search, identify, remove, list, upgrade.

    python pipeline/gallery.py enrol faces.gallery "Ada Lovelace" ada-1.jpg ada-2.jpg
    python pipeline/gallery.py identify faces.gallery somebody.jpg --fpir 0.01

Exit codes: 0, done; 3, images were refused, or an upgrade needs consent; 2, something that was
given is wrong; 1, anything else. docs/serving.md has the rules and the promises.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import (
    EXIT_NOT_BLESSED,
    MODEL_DIR,
    Landmarks,
    ModelDir,
    failing_with_one_message,
    new_app,
    start,
)

app = new_app()

# What several of the commands take.
GalleryFile = Annotated[
    Path, typer.Argument(metavar="GALLERY", help="The file of the gallery.", show_default=False)
]
Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Image files.", show_default=False)
]
VersionDir = Annotated[
    Path,
    typer.Option(help="The serving folder of a run; its version that the gallery is of is used."),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="float32|int8", help="Of the embeddings in memory; the answers are the same."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON rather than a table.")]


@app.callback()
def group() -> None:
    """People in a gallery: enrol, search, identify, remove, list, upgrade."""


@app.command()
def enrol(
    gallery: GalleryFile,
    person: Annotated[str | None, typer.Argument(help="Who it is.", show_default=False)] = None,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE...", help="Image files of them.", show_default=False),
    ] = None,
    *,
    data: Annotated[
        str | None,
        typer.Option(help="Rather than a person: a folder of people, a manifest, a .rec of them."),
    ] = None,
    model_dir: VersionDir = MODEL_DIR,
    far: Annotated[
        float | None,
        typer.Option(help="Of a new gallery: the FAR by which it decides; else that of the EER."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Enrol what the rule would refuse: size, look, unprepared, twice, far, other.",
        ),
    ] = None,
    landmarks: Landmarks = None,
    as_json: AsJson = False,
) -> None:
    """Add images of a person, or of many, to a gallery, which is made if it is missing."""
    # SciPy, and in the end TensorFlow: not for --help; so in the others.
    from pipeline.galleries import enrol_images  # noqa: PLC0415

    with failing_with_one_message():
        complete = enrol_images(
            gallery,
            model_dir,
            person=person,
            images=images or (),
            data=data,
            far=far,
            allow=allow or (),
            landmarks=landmarks or (),
            as_json=as_json,
        )
    if not complete:
        raise typer.Exit(EXIT_NOT_BLESSED)


@app.command()
def search(
    gallery: GalleryFile,
    images: Images,
    *,
    top: Annotated[int, typer.Option(min=1, help="How many at most.")] = 10,
    per_image: Annotated[
        bool, typer.Option("--per-image", help="The nearest images, rather than people.")
    ] = False,
    precision: Precision = "float32",
    model_dir: VersionDir = MODEL_DIR,
    landmarks: Landmarks = None,
    as_json: AsJson = False,
) -> None:
    """List who is nearest to each image, near enough or not."""
    from pipeline.galleries import search_images  # noqa: PLC0415

    with failing_with_one_message():
        search_images(
            gallery,
            model_dir,
            images=images,
            top=top,
            per_image=per_image,
            precision=precision,
            landmarks=landmarks or (),
            as_json=as_json,
        )


@app.command()
def identify(
    gallery: GalleryFile,
    images: Images,
    *,
    far: Annotated[
        float | None,
        typer.Option(help="Decide by the threshold of this FAR, rather than the gallery's."),
    ] = None,
    fpir: Annotated[
        float | None,
        typer.Option(help="The share of strangers who may get a name in this gallery, at most."),
    ] = None,
    precision: Precision = "float32",
    model_dir: VersionDir = MODEL_DIR,
    landmarks: Landmarks = None,
    as_json: AsJson = False,
) -> None:
    """Say who is in each image: somebody who is enrolled, or nobody."""
    from pipeline.galleries import identify_images  # noqa: PLC0415

    with failing_with_one_message():
        identify_images(
            gallery,
            model_dir,
            images=images,
            far=far,
            fpir=fpir,
            precision=precision,
            landmarks=landmarks or (),
            as_json=as_json,
        )


@app.command()
def remove(
    gallery: GalleryFile,
    people: Annotated[
        list[str], typer.Argument(metavar="PERSON...", help="Whom.", show_default=False)
    ],
) -> None:
    """Remove people, so that nothing of them is left in the file."""
    from pipeline.galleries import remove_people  # noqa: PLC0415

    with failing_with_one_message():
        remove_people(gallery, people)


@app.command("list")
def list_people(gallery: GalleryFile, *, as_json: AsJson = False) -> None:
    """List who is enrolled, and by which model."""
    from pipeline.galleries import list_gallery  # noqa: PLC0415

    with failing_with_one_message():
        list_gallery(gallery, as_json)


@app.command()
def upgrade(
    gallery: GalleryFile,
    *,
    model_dir: ModelDir = MODEL_DIR,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Even if images are changed for the new model, or lost to it."),
    ] = False,
) -> None:
    """Embed all that is kept anew with another model, while the former one serves."""
    from pipeline.galleries import upgrade_gallery  # noqa: PLC0415

    with failing_with_one_message():
        done = upgrade_gallery(gallery, model_dir, yes)
    if not done:
        raise typer.Exit(EXIT_NOT_BLESSED)


if __name__ == "__main__":
    start(app)
