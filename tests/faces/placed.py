"""Says of drawn faces where they are, at another place in each image."""

from pathlib import Path

import numpy as np

from faces.images.align import TEMPLATE
from tests.faces.sources.tables import Rows, rows_of_folder

LANDMARKS_HEADER = "path,identity," + ",".join(f"{axis}{i}" for i in range(1, 6) for axis in "xy")
LANDMARKS_HEADER += ",box"


def landmarks_of(number: int) -> tuple[float, ...]:
    """Of a face in 40x48 pixels that is moved, turned and scaled, by a number."""
    scale, angle = 0.3 + 0.01 * (number % 5), 0.1 * (number % 7 - 3)
    z = (TEMPLATE @ [1, 1j] - (56 + 56j)) * scale * np.exp(1j * angle) + (20 + 24j)
    points = np.stack([z.real, z.imag], axis=1).ravel()
    return tuple(float(value) for value in points.astype(np.float32))


def face_rows(folder: Path, boxed: int = 0, unknown: int = 0) -> Rows:
    """Rows of a manifest with `LANDMARKS_HEADER`; of the last ones only a box, or nothing."""
    rows: Rows = []
    files = rows_of_folder(folder)
    for number, (path, identity) in enumerate(files):
        if number >= len(files) - unknown:
            rows.append((path, identity, *[""] * 11))
        elif number >= len(files) - unknown - boxed:
            rows.append((path, identity, *[""] * 10, "5 4 35 44"))
        else:
            rows.append((path, identity, *landmarks_of(number), ""))
    return rows
