"""The wiring: configuration, the DAG, and the runners."""

import os
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))

# Run as a file, as in `python pipeline/run_local.py`, Python looks for every module in this folder
# first: a library that imports its `kubeflow` or `console` would get ours.
if sys.path and os.path.realpath(sys.path[0]) == _HERE:
    del sys.path[0]
