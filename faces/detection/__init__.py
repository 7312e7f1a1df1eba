"""Finding faces: detectors, found by name, and which of several faces is the person's.

To add one, write a class with the attribute and the method of `Detector` in a file of its own, and
name it in `DETECTORS`.
"""

import difflib
import threading
from collections.abc import Callable

from faces.detection.face import (
    POLICIES,
    Detector,
    Face,
    NoFaceError,
    choose_face,
    face_in_box,
)
from groundfloor.errors import UserError

__all__ = [
    "DETECTORS",
    "POLICIES",
    "Detector",
    "Face",
    "NoFaceError",
    "choose_face",
    "face_in_box",
    "find_detector",
]


def _mtcnn() -> Detector:
    """TensorFlow is imported where it is used."""
    from faces.detection.mtcnn import MtcnnDetector  # noqa: PLC0415

    return MtcnnDetector()


# Name -> loads it, which may take seconds.
DETECTORS: dict[str, Callable[[], Detector]] = {"mtcnn": _mtcnn}

_loaded: dict[str, Detector] = {}
_loading = threading.Lock()


def find_detector(name: str) -> Detector:
    """The detector of this name, which a process loads once, when it is first asked for.

    Args:
      name: a key of `DETECTORS`.

    Raises:
      UserError: there is no such detector.
    """
    if name not in DETECTORS:
        close = difflib.get_close_matches(name, DETECTORS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(DETECTORS)}"
        raise UserError(f"There is no detector {name!r} ({hint})")
    with _loading:
        if name not in _loaded:
            _loaded[name] = DETECTORS[name]()
        return _loaded[name]
