"""From an image file to the network's pixels without TensorFlow, and yet as TensorFlow gives them.

A second way to compute what `encode`, `decode`, `align` and `preprocess` compute, for a process
that has no time to load TensorFlow: NumPy and Pillow in its place. It takes only images of kinds of
which the tests show that the pixels are equal, and says of every other that it needs TensorFlow.
"""
