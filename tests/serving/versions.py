"""Versions made by hand: like pushed models, but for the model."""

from biometrics.thresholds.pack import COMPANIONS, THRESHOLDS_FILE, digest_of_folder
from tests.biometrics.packs import threshold_pack

FILES = {
    "saved_model.pb": b"graph",
    "fingerprint.pb": b"f",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"data",
}


def write_model(folder, files=None):
    """A SavedModel's folder, and what else goes with it."""
    files = (FILES if files is None else files) | {f"{COMPANIONS}/mlflow_run.json": b"{}"}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def pack_of(files=None, **options):
    """A pack that vouches for `write_model`."""
    digest = digest_of_folder((FILES if files is None else files).items())
    return threshold_pack(**{"model_sha256": digest} | options)


def write_pack(folder, pack):
    """The file of a pack."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / THRESHOLDS_FILE
    path.write_text(pack.to_json())
    return path


def write_version(folder, files=None, **options):
    """A complete version; returns its pack."""
    write_model(folder, files)
    pack = pack_of(files, **options)
    write_pack(folder / COMPANIONS, pack)
    return pack
