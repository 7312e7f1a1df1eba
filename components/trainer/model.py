"""The embedding network, and the ArcFace classifier that trains it."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

from components.trainer.heads import PACKAGE, CosineHead, L2Normalisation
from components.trainer.losses.arcface import ArcFaceLoss
from components.trainer.precision import precision_policy


@dataclass(frozen=True)
class Backbone:
    """A residual network: the width of each stage, and how many blocks a stage has."""

    widths: tuple[int, ...]
    blocks: int


BACKBONES = {
    "resnet10": Backbone(widths=(16, 32, 64, 128), blocks=1),
    "resnet18": Backbone(widths=(64, 128, 256, 512), blocks=2),
}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FaceEmbeddingModel(keras.Model):
    """Turns face images into embeddings.

    A residual network with a stride-2 stem and PReLU; then flatten, dropout, a dense layer and
    batch normalisation, as in section 3.1 of the ArcFace paper: flattening keeps where on the face
    a feature lies, which global pooling throws away.

    Args:
      input_shape: height, width (at least 32 pixels each) and channels (1 or 3).
      embedding_dim: D, the length of an embedding.
      dropout_rate: share of the flattened features dropped in training, in [0, 1).
      l2_reg: weight of the L2 penalty on all convolution and dense kernels.
      backbone: a name in `BACKBONES`.
      name: the model's name.

    Call arguments:
      inputs: uint8 or float [N, H, W, C], pixels in [0, 255].

    Returns:
      float32 [N, D], L2-normalised, whatever the dtype policy.

    Raises:
      ValueError: the backbone is unknown.

    Example:

    >>> import numpy as np
    >>> model = FaceEmbeddingModel((112, 112, 3), embedding_dim=512, dropout_rate=0.3, l2_reg=5e-4)
    >>> model(np.zeros((2, 112, 112, 3), "uint8")).shape
    TensorShape([2, 512])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        embedding_dim: int,
        dropout_rate: float = 0.3,
        l2_reg: float = 5e-4,
        *,
        backbone: str = "resnet10",
        name: str = "face_embedding_model",
    ):
        if backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {sorted(BACKBONES)}. Received: {backbone}")
        inputs = layers.Input(tuple(input_shape), dtype="float32", name="pixels")
        x = _embedding_network(inputs, embedding_dim, dropout_rate, l2_reg, backbone)
        super().__init__(inputs, L2Normalisation(name="l2_normalisation")(x), name=name)
        self.embedding_dim = embedding_dim
        self.dropout_rate = dropout_rate
        self.l2_reg = l2_reg
        self.backbone = backbone

    def get_config(self):
        """The constructor's arguments."""
        return {
            "input_shape": list(self.input_shape[1:]),
            "embedding_dim": self.embedding_dim,
            "dropout_rate": self.dropout_rate,
            "l2_reg": self.l2_reg,
            "backbone": self.backbone,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        """Builds the model from what `get_config` returned."""
        return cls(**config)


def portable(embedding_model: FaceEmbeddingModel) -> keras.Model:
    """A copy that computes in float32 and is made of nothing but Keras' own layers.

    It gives the same embeddings. Saved, it loads wherever Keras does, without this project; and on
    a CPU float16 would be many times slower.
    """
    config = embedding_model.get_config()
    shape, name = config.pop("input_shape"), config.pop("name")
    with precision_policy(mixed_precision=False):
        inputs = layers.Input(shape, dtype="float32", name="pixels")
        x = _embedding_network(inputs, **config)
        copy = keras.Model(inputs, _unit_length(x), name=name)
    copy.set_weights(embedding_model.get_weights())
    return copy


def flip_averaged(embedding_model: keras.Model) -> keras.Model:
    """A model whose embedding is the mean over an image and its mirror image.

    A face and its mirror image should have one embedding; the mean takes out what the network
    still makes of the side, at twice the cost of an embedding.

    Args:
      embedding_model: [N, H, W, C] pixels to [N, D] L2-normalised embeddings; shared, not copied.

    Returns:
      A model with the same input and output; its embeddings are L2-normalised again. It adds only
      layers of Keras' own.
    """
    inputs = layers.Input(embedding_model.input_shape[1:], dtype="float32", name="pixels")
    mirrored = keras.ops.flip(inputs, axis=2)
    total = layers.Add(dtype="float32")([embedding_model(inputs), embedding_model(mirrored)])
    return keras.Model(inputs, _unit_length(total), name="flip_averaged_embedding_model")


def build_arcface_model(
    embedding_model: keras.Model,
    num_classes: int,
    margin: float,
    scale: float,
    *,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    augmentation: keras.Layer | None = None,
) -> keras.Model:
    """Puts the ArcFace head on an embedding model, and compiles the classifier for training.

    Args:
      embedding_model: [N, H, W, C] pixels to [N, D] L2-normalised embeddings. It is shared, not
        copied: training the classifier trains it.
      num_classes: number of identities C, at least 2.
      margin: additive angular margin m, in radians, in [0, pi/2).
      scale: feature scale s, above 0.
      optimizer: a Keras optimizer or its name.
      augmentation: a layer on the pixels that acts only while training; it stays outside of
        `embedding_model`.

    Returns:
      A compiled model from [N, H, W, C] pixels to float32 [N, C] cosines without margin, with
      `ArcFaceLoss` and the metric `accuracy`, for integer labels [N].
    """
    inputs = layers.Input(embedding_model.input_shape[1:], dtype="float32", name="pixels")
    x = augmentation(inputs) if augmentation is not None else inputs
    cosines = CosineHead(num_classes, name="arcface_head")(embedding_model(x))
    model = keras.Model(inputs, cosines, name="arcface_model")
    model.compile(
        optimizer=optimizer,
        loss=ArcFaceLoss(margin, scale),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # XLA trains a quarter slower on a CPU
    )
    return model


def _embedding_network(
    pixels, embedding_dim: int, dropout_rate: float, l2_reg: float, backbone: str
):
    """Pixels in [0, 255] to embeddings of any length."""
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="rescaling")(pixels)
    x = _residual_network(x, BACKBONES[backbone], l2_reg)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout_rate, name="dropout")(x)
    x = layers.Dense(
        embedding_dim,
        use_bias=False,
        kernel_regularizer=keras.regularizers.L2(l2_reg),
        name="embedding",
    )(x)
    return layers.BatchNormalization(dtype="float32", name="embedding_bn")(x)


def _unit_length(x):
    """L2-normalised, by a layer of Keras' own: for use, where no gradient is wanted."""
    return layers.UnitNormalization(dtype="float32", name="l2_normalisation")(x)


def _residual_network(x, backbone: Backbone, l2_reg: float):
    """Stem and stages; every stage but the first halves the resolution."""
    x = _prelu(_convolution(x, backbone.widths[0], 3, l2_reg, stride=2))
    for stage, width in enumerate(backbone.widths):
        for block in range(backbone.blocks):
            x = _residual_block(x, width, l2_reg, stride=2 if stage and not block else 1)
    return x


def _residual_block(x, width: int, l2_reg: float, stride: int):
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _convolution(x, width, 1, l2_reg, stride)
    x = _prelu(_convolution(x, width, 3, l2_reg, stride))
    x = _convolution(x, width, 3, l2_reg)
    return _prelu(layers.Add()([x, shortcut]))


def _convolution(x, filters: int, kernel_size: int, l2_reg: float, stride: int = 1):
    """Convolution and batch normalisation."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(l2_reg),
    )(x)
    return layers.BatchNormalization()(x)


def _prelu(x):
    """PReLU with one slope a channel."""
    return layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2])(x)
