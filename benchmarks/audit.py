"""How many of the wrong labels of ORL an audit finds, where the model was trained with them.

Of the 400 images of the ORL/AT&T faces some get the name of another person. The demo's pipeline is
trained with these labels, and its model then judges them: the honest case, since whoever has wrong
labels has no model that knows better.

    .venv/bin/python benchmarks/audit.py --data-dir build/orl

prints how many images are listed, precision and recall, of the audit and beside it of a rule that
needs no thought: an image is listed if its nearest neighbour has another name. Takes about two
minutes a seed. With --seeds 5 11 12 and 5 % of wrong labels:

| seed | method | listed | precision | recall |
|---:|---|---:|---:|---:|
| 5 | arcface audit; one person: none | 19 | 0.95 | 0.90 |
| 5 | nearest neighbour | 39 | 0.51 | 1.00 |
| 11 | arcface audit; one person: s40 and s5 | 20 | 0.95 | 0.95 |
| 11 | nearest neighbour | 39 | 0.49 | 0.95 |
| 12 | arcface audit; one person: none | 20 | 1.00 | 1.00 |
| 12 | nearest neighbour | 39 | 0.51 | 1.00 |

s40 and s5 are two names that ORL itself has, of faces that look like one.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

from faces.audit import LabelAudit, audit_labels
from faces.sources.folder import FolderSource
from pipeline.audit_sheet import AuditedImages
from pipeline.config import load_config
from pipeline.console import TextConsole
from pipeline.label_audit import embed_run, find_run
from pipeline.local_runner import run_pipeline
from pipeline.run_folder import RunFolder

# Between whose an image is and what it was called before, in the name of its file.
_TRULY = "-"


def write_flipped(source: Path, target: Path, share: float, seed: int) -> None:
    """Copies a folder of people, of whose images a share goes to other people, drawn.

    An image is `<whose it is said to be>/<whose it is>-<file>`.
    """
    rng = np.random.default_rng(seed)
    records = FolderSource(source).list().records
    people = sorted({record.identity for record in records})
    wrong = set(rng.choice(len(records), round(share * len(records)), replace=False).tolist())
    for place, record in enumerate(records):
        others = [person for person in people if person != record.identity]
        said = str(rng.choice(others)) if place in wrong else record.identity
        file = target / said / f"{record.identity}{_TRULY}{Path(record.key).name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / record.key, file)


def trained_on(faces: Path, config: Path, out: Path) -> AuditedImages:
    """The images of a folder, embedded by the model that a run has trained with them."""
    folder = RunFolder(out)
    folder.prepare()
    folder.claim()
    settings = load_config(config, ["tracking.enabled=false"])
    run_pipeline(settings, faces, folder, TextConsole(stderr=True))
    images, _ = embed_run(find_run(folder))
    return images


def wrong_images(images: AuditedImages) -> set[int]:
    """The places of those that `write_flipped` gave to another person."""
    truly = [Path(key).name.partition(_TRULY)[0] for key in images.keys]
    return {
        place
        for place, names in enumerate(zip(truly, images.identities, strict=True))
        if len(set(names)) > 1
    }


def with_a_strange_neighbour(images: AuditedImages) -> set[int]:
    """The places of the images whose nearest neighbour is said to be somebody else."""
    cosines = images.embeddings @ images.embeddings.T
    np.fill_diagonal(cosines, -np.inf)
    names = np.array(images.identities)
    return set(np.flatnonzero(names[cosines.argmax(axis=1)] != names).tolist())


def table_row(seed: int, method: str, listed: set[int], wrong: set[int]) -> str:
    """One line of the Markdown table."""
    hits = len(listed & wrong)
    precision = f"{hits / len(listed):.2f}" if listed else ""
    return f"| {seed} | {method} | {len(listed)} | {precision} | {hits / len(wrong):.2f} |"


def names_of(audit: LabelAudit) -> str:
    """The pairs of names that look like one person."""
    pairs = (f"{pair.first} and {pair.second}" for pair in audit.same_people)
    return ", ".join(pairs) or "none"


def measure(source: Path, config: Path, share: float, seed: int) -> list[str]:
    """The lines that are printed of a seed."""
    with tempfile.TemporaryDirectory() as scratch:
        faces = Path(scratch, "faces")
        write_flipped(source, faces, share, seed)
        images = trained_on(faces, config, Path(scratch, "run"))
    audit = audit_labels(images.embeddings, images.identities, images.groups)
    wrong = wrong_images(images)
    listed = {suspect.index for suspect in audit.suspects}
    return [
        table_row(seed, f"arcface audit; one person: {names_of(audit)}", listed, wrong),
        table_row(seed, "nearest neighbour", with_a_strange_neighbour(images), wrong),
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("build/orl"))
    parser.add_argument("--config", type=Path, default=Path("configs/demo.yaml"))
    parser.add_argument("--share", type=float, default=0.05, help="of wrong labels")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5])
    given = parser.parse_args()
    print("| seed | method | listed | precision | recall |\n|---:|---|---:|---:|---:|", flush=True)
    for seed in given.seeds:
        print(*measure(given.data_dir, given.config, given.share, seed), sep="\n", flush=True)


if __name__ == "__main__":
    main()
