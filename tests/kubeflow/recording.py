"""A `run_fn` that trains nothing and keeps what it was given."""

from pathlib import Path
from typing import Any

received: list[dict[str, Any]] = []


def run_fn(fn_args: Any) -> None:
    """Called by TFX's Trainer."""
    received.append(fn_args.custom_config)
    Path(fn_args.serving_model_dir).mkdir(parents=True)
