"""One tiny network as a model of every kind: a product of the pixels with a matrix."""

import numpy as np

SIZE = 8
DIMENSIONS = 5


def weights(seed=0, size=SIZE, channels=3, dimensions=DIMENSIONS):
    """Float32 [H * W * C, D]."""
    shape = (size * size * channels, dimensions)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def pixels(count=7, seed=1, size=SIZE, channels=3):
    """Float32 [N, H, W, C] in [-1, 1]."""
    shape = (count, size, size, channels)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def expected(images, matrix=None):
    """What the network gives for images [N, H, W, C]: float32 [N, D]."""
    return images.reshape(len(images), -1) @ (weights() if matrix is None else matrix)


def onnx_file(
    path,
    matrix=None,
    *,
    size=SIZE,
    layout="nhwc",
    batch="N",
    dtype="FLOAT",
    outputs=1,
    saturates=False,
    height="size",
):
    """Writes it as ONNX; for `nchw` the images are turned within the network.

    With `saturates` it is the tangens hyperbolicus of four times the pixels that is multiplied: the
    network is then of use for pixels around 0 only.
    """
    import onnx  # noqa: PLC0415 - an extra
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    matrix = weights(size=size) if matrix is None else matrix
    channels = len(matrix) // size**2
    height = size if height == "size" else height
    sides = [batch, height, size, channels] if layout == "nhwc" else [batch, channels, height, size]
    names = ["embedding", "other"][:outputs]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node(
            "Transpose",
            ["real"],
            ["turned"],
            perm=[0, 1, 2, 3] if layout == "nhwc" else [0, 2, 3, 1],
        ),
        helper.make_node("Mul", ["turned", "four"], ["wide"]),
        helper.make_node("Tanh" if saturates else "Identity", ["wide"], ["bent"]),
        helper.make_node("Div", ["bent", "four"], ["narrow"]),
        helper.make_node("Flatten", ["narrow"], ["flat"]),
        *(helper.make_node("MatMul", ["flat", "matrix"], [name]) for name in names),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pixels", getattr(TensorProto, dtype), sides)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, matrix.shape[1]])
            for name in names
        ],
        [
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.float32(4), "four"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def keras_model(matrix=None):
    """The network as Keras has it."""
    import keras  # noqa: PLC0415 - seconds

    images = keras.Input((SIZE, SIZE, 3))
    dense = keras.layers.Dense(DIMENSIONS, use_bias=False)
    model = keras.Model(images, dense(keras.layers.Flatten()(images)))
    dense.set_weights([weights() if matrix is None else matrix])
    return model


def keras_file(path):
    """Writes it as Keras does."""
    keras_model().save(path)
    return path


def saved_model(path):
    """Writes it as Keras exports models."""
    keras_model().export(path, verbose=False)
    return path


def litert_file(path, *, batch=None, integers=None):
    """Writes it as LiteRT; of `integers` ("int8" or "uint8"), quantised throughout."""
    import tensorflow as tf  # noqa: PLC0415 - seconds

    matrix = tf.constant(weights())
    spec = tf.TensorSpec([batch, SIZE, SIZE, 3], tf.float32, name="pixels")

    @tf.function(input_signature=[spec])
    def network(pixels):
        return {"embedding": tf.reshape(pixels, [-1, SIZE * SIZE * 3]) @ matrix}

    function = network.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if integers is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in pixels(100, 3))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        kind = tf.as_dtype(integers)
        converter.inference_input_type = converter.inference_output_type = kind
    path.write_bytes(converter.convert())
    return path


def openvino_file(path):
    """Writes it as OpenVINO, by way of ONNX: as the trainer does."""
    import openvino  # noqa: PLC0415 - seconds

    onnx = onnx_file(path.with_name("by_way.onnx"))
    openvino.save_model(openvino.convert_model(str(onnx)), str(path), compress_to_fp16=False)
    onnx.unlink()
    return path
