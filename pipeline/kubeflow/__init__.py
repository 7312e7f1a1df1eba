"""The pipeline on Kubeflow Pipelines: its specification, the check of it, and what containers run.

- `preflight` looks for what a cluster needs of a configuration.
- `compiler` writes the specification: TFX's own compiler, then `completion` puts back what that
  drops, and `platform` adds what only Kubernetes knows. `document` is the file of it.
- `lint` finds what a cluster would refuse, or run wrongly.
- `entrypoint` is the command of each container, and `staging` its map of the launcher's folders.
- `containers` runs it on this machine, each step in its own container; `container_run` keeps what
  comes of it as a run of `run_local.py` is kept.
- `client` is a server that runs it: what is handed over is a `submission`, and what comes of it a
  `run`, which `following` shows.
"""
