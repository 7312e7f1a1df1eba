"""The curves for those who plot themselves, and the figures for TensorBoard and MLflow."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biometrics.figures.curves import Curves

CURVES_FILE = "curves.npz"
# MLflow takes names of up to 250 characters; a tag has at most three parts.
MAX_TAG_PART = 80

Table = dict[str, NDArray[Any]]


def curve_tables(
    curves: Curves,
    protocol_curves: Mapping[str, Mapping[str, Mapping[str, ArrayLike]]] | None = None,
    calibration: Mapping[str, ArrayLike] | None = None,
) -> dict[str, Table]:
    """The curves as tables: name -> column -> array [P], one length in a table.

    - `roc`: `threshold` (float32, ascending), `FAR`, `FRR`, `TAR`: of all pairs, at about 1,000
      thresholds, exact at each.
    - `cmc`: `rank` (int64, from 1 on), `rate`: leave-one-out; not where nobody searched.
    - `scores`: `low`, `high`, the edges of each bin, and `genuine`, `impostor`, the share of the
      pairs of each kind in it. A bin holds its low edge and the last one its high edge too.
    - `<protocol>_<curve>`, or `<protocol>` alone where the two names are one: the columns of the
      protocol's curve, such as `open_set`: `threshold`, `fpir`, `fnir`.
    - `calibration`: `distance` and `llr`.

    Names of tables are made of letters, digits, `_`, `-` and `.`, so that they can be file names.

    Args:
      curves: of the model, on all pairs.
      protocol_curves: protocol, then curve, then column to numbers.
      calibration: `distance` and `llr`.
    """
    tables: dict[str, Table] = {}
    for protocol, named in (protocol_curves or {}).items():
        for curve, columns in named.items():
            name = protocol if protocol == curve else f"{protocol}_{curve}"
            tables[_safe(name)] = {key: np.asarray(values) for key, values in columns.items()}
    if calibration is not None:
        tables["calibration"] = {key: np.asarray(values) for key, values in calibration.items()}
    # Last, so that no protocol's name can take the place of one of these.
    tables["roc"] = {
        "threshold": curves.distances,
        "FAR": curves.far,
        "FRR": curves.frr,
        "TAR": 1 - curves.frr,
    }
    if len(curves.cmc):
        tables["cmc"] = {"rank": np.arange(1, len(curves.cmc) + 1), "rate": curves.cmc}
    tables["scores"] = {
        "low": curves.bin_edges[:-1],
        "high": curves.bin_edges[1:],
        "genuine": curves.genuine_share,
        "impostor": curves.impostor_share,
    }
    return tables


def curve_files(tables: Mapping[str, Table]) -> dict[str, bytes]:
    """File name -> content: a CSV file for each table, and `curves.npz` with all of them.

    In `curves.npz` a column is the array `<table>/<column>`, such as `roc/FAR`. Numbers in CSV have
    as many digits as it takes to read the same value back. The same tables give the same bytes.
    """
    arrays: dict[str, Any] = {
        f"{table}/{column}": values
        for table, columns in tables.items()
        for column, values in columns.items()
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    texts = {f"{name}.csv": _csv(table).encode() for name, table in tables.items()}
    return texts | {CURVES_FILE: packed.getvalue()}


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    # As strings each array keeps the shortest digits of its own type: 0.1, where a float32
    # turned into a Python number has 0.10000000149011612.
    writer.writerows(zip(*(values.astype(str) for values in table.values()), strict=True))
    return text.getvalue()


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]|^\.+", "_", name)[:MAX_TAG_PART]


def tensorboard_scalars(metrics: Mapping[str, Any], prefix: str = "test") -> dict[str, float]:
    """The figures of metrics.json as flat scalars, under names TensorBoard and MLflow both take.

    - `test/EER`, `test/TAR at FAR 1e-03`: every figure of the top level.
    - `test/open_set/Rank-1`: of each protocol.
    - `verification/lfw/Accuracy`: of each verification set, whatever the prefix.
    - `test/at FAR 1e-02/FAR`, `.../FRR`: of the test people, at each threshold that the dev people
      chose, and `.../threshold`.

    Args:
      metrics: the content of metrics.json; whatever it lacks gives no scalar.
      prefix: the first part of the tags.

    Returns:
      tag -> value. Tags have letters, digits, spaces and `_-.` in parts that `/` divides; figures
      without a finite number are left out.
    """
    scalars = _numbers(prefix, metrics)
    for name, protocol in metrics.get("protocols", {}).items():
        scalars |= _numbers(f"{prefix}/{_tag_part(name)}", protocol["figures"])
    for name, of_set in metrics.get("verification", {}).items():
        scalars |= _numbers(f"verification/{_tag_part(name)}", of_set["figures"])
    for point in metrics.get("thresholds", []):
        rates = {key: point["test"][key] for key in ("FAR", "FRR")}
        at_point = f"{prefix}/at {_tag_part(point['name'])}"
        scalars |= _numbers(at_point, rates | {"threshold": point["threshold"]})
    return scalars


def _numbers(prefix: str, values: Mapping[str, Any]) -> dict[str, float]:
    return {f"{prefix}/{_tag_part(key)}": value for key, value in _finite(values)}


def _finite(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(value):
            yield key, value


def _tag_part(name: str) -> str:
    readable = name.replace("@", " at ").replace("=", " ").replace("(", "").replace(")", "")
    safe = re.sub(r"[^A-Za-z0-9_. -]", "_", readable)[:MAX_TAG_PART].strip()
    # A part of dots alone would be a folder's parent to whoever makes paths of tags.
    return safe if safe.strip(".") else "_"
