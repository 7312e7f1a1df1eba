"""Image data: where images come from, which of them can be used, and who is tested with them.

A source lists records, of a key and an identity; everything else goes by these, whatever the
source. This needs neither TensorFlow nor any step of the pipeline:

>>> import tempfile
>>> from pathlib import Path
>>> from faces.sources import find_source
>>> from faces.splits import assign_splits
>>> with tempfile.TemporaryDirectory() as folder:
...     for number in range(24):
...         image = Path(folder, f"person{number % 6}", f"{number}.jpg")
...         image.parent.mkdir(exist_ok=True)
...         _ = image.write_bytes(b"what a camera has written")
...     records = find_source("folder", Path(folder)).list().records
>>> records[0].key, records[0].identity
('person0/0.jpg', 'person0')
>>> splits = assign_splits(
...     records, mode="identity_disjoint", test_split=0.3, val_split=0.25, seed=42
... )
>>> sorted({record.identity for record, split in splits.items() if split == "test"})
['person3', 'person5']

| module | what |
|---|---|
| `record` | `Record`, `Listing`, and `Source`: what a source gives |
| `sources` | the sources, found by name; `listed_once` for a run that asks several times |
| `sources.spans` | the newest of the places that a pattern with `{SPAN}` means |
| `content` | reads files within bounds; the digest by which a source counts as changed |
| `remote` | the same for objects on a store, by fsspec |
| `contract` | names of splits and features, and the vocabulary: what the steps' examples hold |
| `splits` | who is trained, validated and tested |
| `duplicates`, `copies` | equal and plain images; copies of one photograph, and what they leak |
| `quarantine` | what is not used, and why |
| `audit` | labels that embeddings make doubtful |
| `report` | pages of small pictures: of an audit, and of what is not used |
| `images` | one image: which formats are read, what a viewer shows, what the network sees |
| `storage` | examples as tf.train.Example, written and read back |

Only `images.decode`, `images.align`, `images.encode` (which checks that TensorFlow decodes what a
viewer shows), `detection.location` and `storage` import TensorFlow. Nothing here knows TFX, Beam or
MLflow.
"""
