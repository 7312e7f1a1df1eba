"""What a run begins with: all that is known before the training. Nothing here needs TFX."""

import json
from collections.abc import Mapping
from typing import Any

from components.run_environment import TrackingStore
from components.tracking.provenance import environment, parameters
from components.tracking.tracker import Tracker

CONFIGURATION_FILE = "configuration.json"
ENVIRONMENT_FILE = "environment.json"


def begin_run(
    tracker: Tracker, store: TrackingStore, settings: Mapping[str, Any], tags: Mapping[str, str]
) -> None:
    """Begins a run, with its parameters, its tags, and the files that say what it runs in.

    Args:
      tracker: of the run.
      store: where it is kept.
      settings: of the training, sections and single values; they hold before the whole
        configuration, since a run may have set some of them itself.
      tags: of the run, see `provenance.tags`.
    """
    sections = {name: values for name, values in settings.items() if isinstance(values, Mapping)}
    configuration = {**(store.configuration or {}), **sections}
    params = parameters({**configuration, **settings})
    tracker.start(params, store.artifact_dir, store.owner, tags)
    tracker.log_text(json.dumps(configuration, indent=2) + "\n", CONFIGURATION_FILE)
    tracker.log_text(environment(), ENVIRONMENT_FILE)
