"""Kubernetes quantities, such as "500m" CPUs or "8Gi" of memory."""

import re

_FACTORS = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def parse_quantity(text: str) -> float:
    """The number that a quantity stands for: "500m" is 0.5, "1Ki" is 1024.0.

    Raises:
      ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"a quantity must look like 2, 500m or 8Gi. Received: {text}")
    return float(match[1]) * _FACTORS[match[2] or ""]
