"""The embedding network, and the ArcFace classifier that trains it."""

from collections.abc import Sequence
from functools import cached_property

import keras
from keras import layers

from components.trainer.backbones.names import BACKBONE_NAMES
from components.trainer.backbones.registry import BACKBONES
from components.trainer.heads import PACKAGE, CosineHead, L2Normalisation
from components.trainer.losses.arcface import ArcFaceLoss
from components.trainer.precision import precision_policy

HEAD = "arcface_head"
MIN_SIDE = 32

_NORMALISATION = "l2_normalisation"


@keras.saving.register_keras_serializable(package=PACKAGE)
class FaceEmbeddingModel(keras.Model):
    """Turns face images into embeddings.

    Args:
      input_shape: height, width (at least `MIN_SIDE` pixels each) and channels (1 or 3).
      embedding_dim: D, the length of an embedding.
      dropout_rate: share of what the last layer gets that is dropped in training, in [0, 1).
      l2_reg: weight of the L2 penalty on all convolution and dense kernels.
      backbone: a name in `BACKBONES`.
      name: the model's name.

    Call arguments:
      inputs: uint8 or float [N, H, W, C], pixels in [0, 255].

    Returns:
      float32 [N, D], L2-normalised, whatever the dtype policy.

    Raises:
      ValueError: the backbone is unknown, or it takes no images of this shape.

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
        _check_shape(input_shape)
        if backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {BACKBONE_NAMES}. Received: {backbone}")
        inputs = layers.Input(tuple(input_shape), dtype="float32", name="pixels")
        x = _embedding_network(inputs, embedding_dim, dropout_rate, backbone)
        super().__init__(inputs, L2Normalisation(name=_NORMALISATION)(x), name=name)
        _penalise_kernels(self, l2_reg)
        self.embedding_dim = embedding_dim
        self.dropout_rate = dropout_rate
        self.l2_reg = l2_reg
        self.backbone = backbone

    @cached_property
    def features(self) -> keras.Model:
        """From the same pixels to float32 [N, D], the embeddings before they are normalised.

        It has the very layers of this model. What their length says of an image is AdaFace's.
        """
        return keras.Model(self.input, self.get_layer(_NORMALISATION).input, name="features")

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
    del config["l2_reg"]  # of training alone
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
) -> keras.Model:
    """Puts the ArcFace head on an embedding model, and compiles the classifier for training.

    Args:
      embedding_model: [N, H, W, C] pixels to [N, D] L2-normalised embeddings. It is shared, not
        copied: training the classifier trains it.
      num_classes: number of identities C, at least 2.
      margin: additive angular margin m, in radians, in [0, pi/2).
      scale: feature scale s, above 0.
      optimizer: a Keras optimizer or its name.

    Returns:
      A compiled model from [N, H, W, C] pixels to float32 [N, C] cosines without margin, with
      `ArcFaceLoss` and the metric `accuracy`, for integer labels [N].
    """
    inputs = layers.Input(embedding_model.input_shape[1:], dtype="float32", name="pixels")
    cosines = CosineHead(num_classes, name=HEAD)(embedding_model(inputs))
    model = keras.Model(inputs, cosines, name="arcface_model")
    model.compile(
        optimizer=optimizer,
        loss=ArcFaceLoss(margin, scale),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # XLA trains a quarter slower on a CPU
    )
    return model


def _check_shape(input_shape: Sequence[int]) -> None:
    if len(input_shape) != 3 or min(input_shape[:2]) < MIN_SIDE or input_shape[2] not in (1, 3):
        raise ValueError(
            f"input_shape must be height and width, at least {MIN_SIDE} pixels each, and 1 or 3 "
            f"channels. Received: {tuple(input_shape)}"
        )


def _embedding_network(pixels, embedding_dim: int, dropout_rate: float, backbone: str):
    """Pixels in [0, 255] to embeddings of any length."""
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="rescaling")(pixels)
    return BACKBONES[backbone](x, embedding_dim, dropout_rate)


def _penalise_kernels(model: keras.Model, l2_reg: float) -> None:
    """Puts the L2 penalty on what a convolution or a dense layer multiplies with.

    A kernel of one axis is a scale, which is not to be small.
    """
    for weight in model.trainable_weights:
        if weight.name == "kernel" and len(weight.shape) > 1:
            weight.regularizer = keras.regularizers.L2(l2_reg)


def _unit_length(x):
    """L2-normalised, by a layer of Keras' own: for use, where no gradient is wanted."""
    return layers.UnitNormalization(dtype="float32", name=_NORMALISATION)(x)
