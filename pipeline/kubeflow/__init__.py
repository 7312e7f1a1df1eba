"""The pipeline on Kubeflow Pipelines: its specification, the check of it, and what containers run.

- `compiler` writes the specification: TFX's own compiler, then `completion` puts back what that
  drops, and `platform` adds what only Kubernetes knows. `document` is the file of it.
- `lint` finds what a cluster would refuse, or run wrongly.
- `entrypoint` is the command of each container, and `staging` its map of the launcher's folders.
"""
