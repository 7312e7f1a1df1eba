"""A `run_fn` that trains nothing and keeps what it was given."""

from pathlib import Path
from typing import Any

received: list[dict[str, Any]] = []
output_folders: list[bool] = []


def run_fn(fn_args: Any) -> None:
    """Called by TFX's Trainer."""
    received.append(fn_args.custom_config)
    output_folders.append(Path(fn_args.model_run_dir).is_dir())
    Path(fn_args.serving_model_dir).mkdir(parents=True)
