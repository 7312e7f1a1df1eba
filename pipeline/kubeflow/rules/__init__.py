"""The rules that `kubeflow_lint.py` holds a compiled pipeline to."""
