"""A digest of a file that settings name, for TFX's cache key, which holds its name alone."""

import hashlib
import os

from tfx.dsl.io import fileio

from groundfloor.errors import UserError

MISSING = "missing"
_BLOCK = 1 << 20


def file_digest(path: str) -> str:
    """SHA-256 of a file; `MISSING` where it is not here, since the step runs elsewhere.

    Raises:
      UserError: it is a pipe, a device or a folder, which has no content to wait for.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"cannot read {path}: not a regular file")
    if not fileio.exists(path):
        return MISSING
    digest = hashlib.sha256()
    with fileio.open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
