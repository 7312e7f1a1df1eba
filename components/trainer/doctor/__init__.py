"""The convergence doctor: says in one line what keeps a training from converging.

`checks` looks at labels and images before the first step, `statistics` takes a step's figures in
its graph, `findings` judges them, and `rounds` brings these together in a training loop.
"""
