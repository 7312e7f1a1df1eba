"""From the section `evaluation` of the configuration to the settings of a measurement."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from biometrics.csv_table import read_text
from biometrics.protocols import find_protocol
from biometrics.settings import Settings, SliceSettings
from components.evaluator.config import EvaluationConfig


def settings_of(
    config: EvaluationConfig,
    *,
    seed: int,
    provenance: Mapping[str, str],
    read: Callable[[str], str] = read_text,
    credit: str = "",
    not_compared: str = "",
) -> Settings:
    """What `biometrics.evaluation.evaluate` takes.

    Args:
      config: the section.
      seed: see `ProtocolSettings`.
      provenance: name -> value, beside the date of today.
      read: see `ProtocolSettings`.
      credit: see `Settings`.
      not_compared: see `Settings`.

    Raises:
      EvaluationError: see `find_protocol`.
    """
    slices = config.slices
    return Settings(
        distance=config.distance,
        target_fars=config.target_fars,
        ranks=config.ranks,
        rules=config.rules(),
        seed=seed,
        dev_share=config.dev_share,
        intervals=config.intervals,
        protocols=_options(config.protocols.asked()),
        slices=SliceSettings(slices.columns, slices.file) if slices else None,
        read=read,
        credit=credit,
        provenance={"Evaluated": datetime.date.today().isoformat(), **provenance},
        not_compared=not_compared,
    )


def _options(protocols: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """All options of each protocol: those that are given, and the defaults of the others."""
    options = {name: vars(find_protocol(name, given)) for name, given in protocols.items()}
    return {
        name: {key: value for key, value in values.items() if value is not None}
        for name, values in options.items()
    }
