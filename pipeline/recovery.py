"""What the metadata store says, held against the disk, before it is trusted for a cache.

TFX takes a result from the cache, and a resolver a model, if the store says that it was made. Here
the files of every result are noted when it is made; where they are no longer what was noted, the
store is told that the result is gone, and TFX makes it anew or goes without.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Artifact, Execution

from pipeline import artifacts_root, metadata_store
from pipeline.metadata_store import Place
from pipeline.node_log import NodeListener
from pipeline.run_folder import RunFolder

_PUSHED_DESTINATION = "pushed_destination"
_IS_FOLDER = ""
_TRAINER = "Trainer"
_UNFINISHED = (Execution.NEW, Execution.RUNNING)


@dataclass(frozen=True)
class NotedFile:
    """A file as it was when its artifact was made.

    Attributes:
      path: of the file.
      size: in bytes.
      changed_ns: the time of its last change, which spares reading it again.
      sha256: of its content.
    """

    path: Path
    size: int
    changed_ns: int
    sha256: str


def recover(folder: RunFolder, close_trackings: Callable[[], None]) -> list[str]:
    """Puts in order what a killed run, or a hand, has left of a folder that no run uses now.

    Args:
      folder: of the run, claimed.
      close_trackings: closes the MLflow runs of the trainings that were killed.

    Returns:
      What was found and what is done about it, a sentence each.
    """
    database, root = folder.metadata_db, folder.artifacts
    remarks = []
    aside = artifacts_root.set_aside(root, metadata_store.last_execution(database))
    if aside:
        remarks.append(
            f"{root} held results that {database.name} does not know; they are now in {aside}"
        )
    killed = unfinished_nodes(database)
    if killed:
        if _TRAINER in killed:
            close_trackings()  # first: killed in between, the next run finds the executions still
        close_unfinished(database, root)
        going_on = _TRAINER in killed and any(folder.unfinished.glob("training-*"))
        kept = f"; the training goes on from what {folder.unfinished} has of it" * going_on
        remarks.append(f"an earlier run was killed in {', '.join(killed)}, which runs anew{kept}")
    for node, faults in give_up_missing(database).items():
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        remarks.append(f"{node}: {faults[0]}{others}; it is made anew where it is needed")
    return remarks


def note_new_artifacts(database: Place) -> None:
    """Notes the files of each live artifact that is not noted yet."""
    live = {artifact.id: artifact for artifact in _live(database)}
    with metadata_store.opened(database) as tables:
        noted = {number for (number,) in tables.execute("select artifact from arcface_files")}
        for number in live.keys() - noted:
            rows = [
                (number, str(file.path), file.size, file.changed_ns, file.sha256)
                for folder in _folders_of(live[number])
                for file in _describe(folder)
            ]
            tables.executemany("insert into arcface_files values (?, ?, ?, ?, ?)", rows)


def give_up_missing(database: Place) -> dict[str, list[str]]:
    """Tells the store of each artifact whose files are gone or changed.

    Returns:
      The node that made them -> what is wrong with each of its artifacts, a few words.
    """
    store = metadata_store.connect(database)
    missing: dict[str, list[str]] = {}
    for artifact in _live(database):
        fault = fault_in(artifact, database)
        if fault:
            artifact.state = Artifact.DELETED
            store.put_artifacts([artifact])
            missing.setdefault(_maker_of(artifact), []).append(fault)
    return missing


def fault_in(artifact: Artifact, database: Place) -> str:
    """How the files of an artifact differ from what was noted, in a few words; empty if not."""
    noted = _noted(database, artifact.id)
    if not noted:
        return f"{artifact.uri} was not finished"
    return next(filter(None, map(_change, noted)), "")


def unfinished_nodes(database: Place) -> list[str]:
    """The nodes that a run was working on when it was killed."""
    store = metadata_store.connect(database)
    return [_node_of(store, execution) for execution in _unfinished(database)]


def close_unfinished(database: Place, root: Path) -> None:
    """Marks what a killed run left running as failed, and removes what it had half made."""
    store = metadata_store.connect(database)
    for execution in _unfinished(database):
        for folder in artifacts_root.outputs_of(root, execution.id):
            shutil.rmtree(folder)
        shutil.rmtree(root / _node_of(store, execution) / ".system", ignore_errors=True)
        execution.last_known_state = Execution.FAILED
        store.put_executions([execution])


@contextmanager
def noting(database: Place) -> Iterator[None]:
    """Notes the files of what each node makes, as soon as it has made it."""
    with _Noting(database).listening():
        yield


class _Noting(NodeListener):
    def __init__(self, database: Place):
        super().__init__()
        self._database = database

    def on_finish(self) -> None:
        note_new_artifacts(self._database)


def _live(database: Place) -> list[Artifact]:
    return [
        artifact
        for artifact in metadata_store.artifacts_in(database)
        if artifact.state == Artifact.LIVE
    ]


def _unfinished(database: Place) -> list[Execution]:
    return [
        item
        for item in metadata_store.executions_in(database)
        if item.last_known_state in _UNFINISHED
    ]


def _node_of(store: MetadataStore, execution: Execution) -> str:
    """The node, from the context `<pipeline>.<node>` that TFX puts an execution into."""
    contexts = store.get_contexts_by_execution(execution.id)
    return next(c.name.rpartition(".")[2] for c in contexts if c.type == "node")


def _maker_of(artifact: Artifact) -> str:
    """The node, from the folder `<root>/<node>/<output>/<execution>` that TFX gives an artifact."""
    return Path(artifact.uri).parts[-3]


def _folders_of(artifact: Artifact) -> list[Path]:
    """Where the files of an artifact lie: in its own folder, and where a model was pushed to."""
    pushed = artifact.custom_properties[_PUSHED_DESTINATION].string_value
    return [Path(artifact.uri), *([Path(pushed)] if pushed else [])]


def _describe(folder: Path) -> Iterator[NotedFile]:
    """A folder, which alone may be all that there is, and the files below it."""
    yield NotedFile(folder, 0, 0, _IS_FOLDER)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        yield NotedFile(path, status.st_size, status.st_mtime_ns, _digest(path))


def _noted(database: Place, artifact: int) -> list[NotedFile]:
    with metadata_store.opened(database) as tables:
        rows = tables.execute(
            "select path, size, changed_ns, sha256 from arcface_files where artifact = ?",
            [artifact],
        ).fetchall()
    return [NotedFile(Path(path), *others) for path, *others in rows]


def _change(file: NotedFile) -> str:
    """How a file differs from what was noted; empty if it does not."""
    if file.sha256 == _IS_FOLDER:
        return "" if file.path.is_dir() else f"{file.path} is missing"
    try:
        status = file.path.stat()
    except OSError:
        return f"{file.path} is missing"
    if status.st_size != file.size:
        return f"{file.path} has {status.st_size} bytes instead of {file.size}"
    if status.st_mtime_ns != file.changed_ns and _digest(file.path) != file.sha256:
        return f"{file.path} was changed"
    return ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
