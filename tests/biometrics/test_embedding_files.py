"""Embeddings that people hand in: which forms are read alike, and what is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biometrics.embedding_files import embeddings_sha256, read_embeddings
from biometrics.embeddings import EmbeddingSet
from biometrics.errors import EvaluationError

VECTORS = np.float32([[1, 0], [0.5, 0.25], [0, 1]])
PEOPLE = ["anna", "anna", "bert"]
KEYS = ["anna/1", "anna/2", "bert/1"]
LABELS = "key,sex,identity\nanna/1,f,anna\nanna/2,,anna\nbert/1,m,bert\n"


def npz(folder, **changes):
    arrays = {"embeddings": VECTORS, "identities": PEOPLE, "keys": KEYS} | changes
    np.savez(folder / "faces.npz", **arrays)
    return folder / "faces.npz", None


def npy(folder, vectors=VECTORS, labels=LABELS):
    np.save(folder / "faces.npy", vectors)
    (folder / "labels.csv").write_text(labels)
    return folder / "faces.npy", folder / "labels.csv"


def parquet(folder, **changes):
    columns = {"key": KEYS, "identity": PEOPLE, "embedding": VECTORS.tolist()} | changes
    kept = {name: values for name, values in columns.items() if values is not None}
    pq.write_table(pa.table(kept), folder / "faces.parquet")
    return folder / "faces.parquet", None


def parquet_of_components(folder):
    return parquet(folder, embedding=None, e1=VECTORS[:, 1], e0=VECTORS[:, 0])


@pytest.mark.parametrize("write", [npz, npy, parquet, parquet_of_components])
def test_the_same_embeddings_are_read_from_each_form(tmp_path, write):
    images = read_embeddings(*write(tmp_path))
    np.testing.assert_array_equal(images.embeddings, VECTORS)
    assert images.embeddings.dtype in (np.float32, np.float64)
    assert (list(images.identities), list(images.keys)) == (PEOPLE, KEYS)


def test_fixed_size_lists_of_parquet_are_read_too(tmp_path):
    column = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), 2)
    images = read_embeddings(*parquet(tmp_path, embedding=column))
    np.testing.assert_array_equal(images.embeddings, VECTORS)


def test_other_columns_are_attributes_by_which_images_can_be_grouped(tmp_path):
    expected = {"sex": ["f", "", "m"]}
    assert read_embeddings(*npy(tmp_path)).attributes == expected
    assert read_embeddings(*parquet(tmp_path, sex=["f", None, "m"])).attributes == expected
    nested = parquet(tmp_path, age=[30, 31, 7], boxes=[[1], [2], [3]])
    assert read_embeddings(*nested).attributes == {"age": ["30", "31", "7"]}


@pytest.mark.parametrize(
    ("write", "changes", "message"),
    [
        (npz, {"embeddings": VECTORS * np.nan}, "must be finite"),
        (npz, {"keys": ["x", "x", "y"]}, "The keys must be unique"),
        (npz, {"identities": ["anna", " ", ""]}, "needs its identity. .* 2 of 3 .* row 1$"),
        (npy, {"labels": LABELS[:-14]}, r"of each image. Received: .*\(3, 2\) for 2 images"),
        (npy, {"labels": LABELS.replace("identity", "name")}, "the columns identity, key"),
        (npy, {"labels": LABELS.replace("anna/2", "")}, "labels.csv, in which 1 of 3 .* row 1$"),
        (npy, {"labels": ""}, "Received: 0 lines"),
        (npy, {"vectors": np.array([{}, {}, {}])}, "Object arrays cannot be loaded"),
        (npy, {"vectors": VECTORS[0]}, r"Received: embeddings of shape \(2,\) for 3"),
        (parquet, {"identity": None}, "needs the columns key and identity"),
        (parquet, {"identity": ["anna", None, "bert"]}, "needs its identity. .* 1 of 3 .* row 1$"),
        (parquet, {"embedding": None}, "or e0, e1 and so on"),
        (parquet, {"embedding": None, "e0": [1.0] * 3, "e2": [1.0] * 3}, "none of them left out"),
        (parquet, {"embedding": [[1.0], [1.0, 2.0], [3.0]]}, r"equally many .* lengths \[1, 2\]"),
        (parquet, {"embedding": [[1.0], None, [3.0]]}, "1 rows without one"),
        (parquet, {"embedding": [[1.0], [None], [3.0]]}, "must be finite"),
        (parquet, {"embedding": ["1", "2", "3"]}, "must be lists of numbers. Received: string"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_was_received(
    tmp_path, write, changes, message
):
    with pytest.raises(EvaluationError, match=message):
        read_embeddings(*write(tmp_path, **changes))


@pytest.mark.parametrize("name", ["faces.npz", "faces.npy", "faces.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"no such form"])
def test_a_file_that_is_missing_empty_or_of_another_form_is_named(tmp_path, name, content):
    (tmp_path / "labels.csv").write_text(LABELS)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    labels = tmp_path / "labels.csv" if name.endswith(".npy") else None
    with pytest.raises(EvaluationError, match=f"^cannot read embeddings from .*{name}: "):
        read_embeddings(tmp_path / name, labels)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("faces.txt", None, "embeddings come as .npz, .npy with a table of labels, or .parquet"),
        ("faces.npy", None, "goes with an .npy.*Received: faces.npy and no labels"),
        ("faces.npz", "labels.csv", "Received: faces.npz and labels.csv"),
    ],
)
def test_another_ending_and_labels_without_use_are_refused(name, labels, message):
    with pytest.raises(EvaluationError, match=message):
        read_embeddings(Path(name), labels and Path(labels))


def test_the_digest_of_embeddings_heeds_values_and_names_and_not_the_order():
    images = EmbeddingSet(embeddings=VECTORS, identities=PEOPLE, keys=KEYS)
    turned = EmbeddingSet(embeddings=VECTORS[::-1], identities=PEOPLE[::-1], keys=KEYS[::-1])
    other = EmbeddingSet(embeddings=VECTORS * 2, identities=PEOPLE, keys=KEYS)
    assert embeddings_sha256(images) == embeddings_sha256(turned) != embeddings_sha256(other)
