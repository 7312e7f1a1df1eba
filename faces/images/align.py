"""From five landmarks to the face at its place in the network's input, as TensorFlow functions.

The face is moved, turned and scaled, never mirrored or stretched, so that its landmarks come as
near as they can to those of a template: the sum of the squared distances is the least (Umeyama,
"Least-squares estimation of transformation parameters between two point patterns", 1991). With
points as complex numbers such a similarity is z -> turn * z + shift, and linear in both.

A pixel's coordinates are those of its centre, counted from 0, as in OpenCV, scikit-image and the
field's lists of landmarks.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from faces.images.decode import RESIZE_MODES, decode_image, to_levels
from faces.images.formats import BadImageError
from faces.images.template import (
    HALF,
    LEAST_LIKENESS,
    LEAST_SPREAD,
    NO_NUMBERS,
    NOT_A_FACE,
    OUTSIDE,
    TEMPLATE,
    TEMPLATE_SIDE,
    TOO_NEAR,
    template_for,
)
from faces.reasons import NO_FACE


class Fit(NamedTuple):
    """The similarity z -> turn * z + shift that moves landmarks onto a template.

    Attributes:
      turn: complex128 [N], how much larger (the modulus) and by which angle it is turned.
      shift: complex128 [N], in pixels of the template.
      centre: complex128 [N], of the landmarks, in pixels of the image.
      spread: float64 [N], root of their mean squared distance from it, in the same pixels.
      likeness: float64 [N], the share of the template's extent that is met, in [0, 1].
    """

    turn: tf.Tensor
    shift: tf.Tensor
    centre: tf.Tensor
    spread: tf.Tensor
    likeness: tf.Tensor


def fit_template(landmarks: tf.Tensor, height: int, width: int) -> Fit:
    """Fits each set of landmarks to the template of `height` x `width`.

    Args:
      landmarks: float [N, 10], x and y of `contract.LANDMARKS`, in pixels of the image.
      height: of the network's input.
      width: likewise.
    """
    target = tf.constant(template_for(height, width) @ [1, 1j])
    points = _complex(landmarks)
    centre, target_centre = tf.reduce_mean(points, axis=1), tf.reduce_mean(target)
    p, q = points - centre[:, tf.newaxis], target - target_centre
    extent, target_extent = _squares(p), _squares(q)
    product = tf.reduce_sum(q * tf.math.conj(p), axis=1)
    turn = tf.math.divide_no_nan(product, tf.cast(extent, tf.complex128))
    return Fit(
        turn=turn,
        shift=target_centre - turn * centre,
        centre=centre,
        spread=tf.sqrt(extent / len(TEMPLATE)),
        likeness=tf.math.divide_no_nan(tf.abs(product) ** 2, extent * target_extent),
    )


def require_face(landmarks: tuple[float, ...], height: int, width: int) -> None:
    """Refuses landmarks that no image can be aligned by, before `decode_and_align` meets them.

    Args:
      landmarks: ten numbers, see `Record`.
      height: of the image that they are of.
      width: likewise.

    Raises:
      BadImageError: they are no numbers, lie outside of the image or all in one place, or not as in
        a face, such as with left and right exchanged.
    """
    fit = fit_template(tf.constant([landmarks], tf.float64), TEMPLATE_SIDE, TEMPLATE_SIDE)
    for reason, has_it in _flaws(_of(fit, 0), tf.constant([height, width])).items():
        if has_it:
            raise BadImageError(reason, NO_FACE)


def decode_and_align(
    encoded: tf.Tensor,
    landmarks: tf.Tensor,
    boxes: tf.Tensor,
    input_shape: tuple[int, int, int],
    resize: str,
) -> tf.Tensor:
    """Decodes a batch, and aligns the faces of which it is known where they are.

    Args:
      encoded: string [N], each a JPEG or PNG of any size.
      landmarks: float32 [N, 10], see `fit_template`; NaN throughout where nobody knows them.
      boxes: float32 [N, 4], left, top, right and bottom of the face, likewise. Where the landmarks
        are not known, the box is cut out and resized; where neither is, the whole image.
      input_shape: height, width and channels of the result.
      resize: of `RESIZE_MODES`, for what is not aligned.

    Returns:
      uint8 [N, height, width, channels].

    Raises:
      tf.errors.InvalidArgumentError: an image cannot be decoded, landmarks are refused by
        `require_face`, or a box is outside of its image.
    """
    height, width, channels = input_shape
    fits = fit_template(landmarks, height, width)

    def one(row: tuple[tf.Tensor, tf.Tensor, tf.Tensor, Fit]) -> tf.Tensor:
        content, points, box, fit = row
        image = decode_image(content, channels)
        return tf.cond(
            _is_known(points),
            lambda: _aligned(image, fit, height, width),
            lambda: RESIZE_MODES[resize](
                tf.cond(_is_known(box), lambda: _cut_out(image, box), lambda: image), height, width
            ),
        )

    pixels = tf.map_fn(one, (encoded, landmarks, boxes, fits), fn_output_signature=tf.uint8)
    return tf.ensure_shape(pixels, [None, height, width, channels])


def warp(image: tf.Tensor, fit: Fit, height: int, width: int) -> tf.Tensor:
    """Moves an image as its landmarks are to be moved; black where there is none.

    Bilinear. Where the face shrinks, the part of the image around it is first made smaller by that
    factor, antialiased as in `resize_image`; what is left to do is at a scale of 1, so that no
    pixel of a large photograph is passed over.

    Args:
      image: uint8 [H, W, C].
      fit: of its landmarks to the template of `height` x `width`; each a scalar.
      height: of the result.
      width: likewise.

    Returns:
      uint8 [height, width, C].
    """
    turn, shift = 1 / fit.turn, -fit.shift / fit.turn  # from the template to the image
    factor = tf.maximum(tf.abs(turn), 1.0)
    corners = turn * (np.array([0, width, height * 1j, width + height * 1j]) - HALF) + shift
    size = tf.cast(tf.shape(image)[:2], tf.float64)
    # y before x, as in the shape of an image; with a margin that interpolation reaches into.
    places = tf.stack([tf.math.imag(corners), tf.math.real(corners)], axis=1) + 0.5
    start = tf.floor(_within(tf.reduce_min(places, axis=0) - 2 * factor, size))
    end = tf.math.ceil(_within(tf.reduce_max(places, axis=0) + 2 * factor, size))
    part = _shrunk(image, start, end, factor)
    origin = tf.complex(start[1], start[0])
    factor = tf.cast(factor, tf.complex128)
    turn, shift = turn / factor, (shift + HALF - origin) / factor - HALF
    return to_levels(_moved(part, turn, shift, height, width))


def _shrunk(image: tf.Tensor, start: tf.Tensor, end: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The part of an image from one place to another, (y, x) in pixels, float32 [h, w, C]."""
    size = tf.maximum(tf.cast(tf.math.ceil((end - start) / factor), tf.int32), 1)
    return tf.raw_ops.ScaleAndTranslate(
        images=image[tf.newaxis],
        size=size,
        scale=tf.cast(tf.stack([1 / factor, 1 / factor]), tf.float32),
        translation=tf.cast(-start / factor, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )[0]


def _moved(
    image: tf.Tensor, turn: tf.Tensor, shift: tf.Tensor, height: int, width: int
) -> tf.Tensor:
    """Samples an image at turn * z + shift for each pixel z of the result, float32."""
    (a, b), (x, y) = ((tf.math.real(z), tf.math.imag(z)) for z in (turn, shift))
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=tf.cast(tf.stack([a, -b, x, b, a, y, zero, zero]), tf.float32)[tf.newaxis],
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[0]


def _aligned(image: tf.Tensor, fit: Fit, height: int, width: int) -> tf.Tensor:
    for reason, has_it in _flaws(fit, tf.shape(image)[:2]).items():
        tf.debugging.Assert(tf.logical_not(has_it), [reason])
    return warp(image, fit, height, width)


def _flaws(fit: Fit, size: tf.Tensor) -> dict[str, tf.Tensor]:
    """Why an image of a size (height, width) cannot be aligned so: reason -> whether it is so."""
    x, y = tf.math.real(fit.centre), tf.math.imag(fit.centre)
    height, width = tf.unstack(tf.cast(size, tf.float64))
    is_inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    return {
        NO_NUMBERS: tf.logical_not(tf.math.is_finite(fit.spread)),
        TOO_NEAR: (fit.spread < LEAST_SPREAD),
        NOT_A_FACE: (fit.likeness < LEAST_LIKENESS),
        OUTSIDE: tf.logical_not(is_inside),
    }


def require_box(box: tuple[float, ...], height: int, width: int) -> None:
    """Refuses a box that nothing can be cut out by.

    Args:
      box: left, top, right and bottom, see `Record`.
      height: of the image that it is of.
      width: likewise.

    Raises:
      BadImageError: it has no part in the image.
    """
    edges = tf.constant(box, tf.float32)
    if not _has_part(_edges_within(edges, tf.constant([height, width]))):
        raise BadImageError(_NO_PART, NO_FACE)


_NO_PART = "a box that has no part in the image: it is left, top, right and bottom in pixels"


def _cut_out(image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """What of an image is in a box, whole pixels."""
    edges = _edges_within(box, tf.shape(image)[:2])
    tf.debugging.Assert(_has_part(edges), [_NO_PART])
    left, top, right, bottom = tf.unstack(edges)
    return image[top:bottom, left:right]


def _edges_within(box: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """A box within an image of a size (height, width), int32 [4], rounded outwards."""
    height, width = tf.unstack(tf.cast(size, tf.float32))
    edges = tf.concat([tf.floor(box[:2]), tf.math.ceil(box[2:])], axis=0)
    return tf.cast(_within(edges, tf.stack([width, height, width, height])), tf.int32)


def _has_part(edges: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(edges[:2] < edges[2:])


def _is_known(values: tf.Tensor) -> tf.Tensor:
    return tf.logical_not(tf.reduce_all(tf.math.is_nan(values)))


def _within(places: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(places, 0, size)


def _complex(landmarks: tf.Tensor) -> tf.Tensor:
    """x and y in turns, float [N, 10], to complex128 [N, 5]."""
    values = tf.cast(landmarks, tf.float64)
    return tf.complex(values[:, 0::2], values[:, 1::2])


def _squares(points: tf.Tensor) -> tf.Tensor:
    """The sum of squared moduli over the last axis, float64."""
    return tf.reduce_sum(tf.abs(points) ** 2, axis=-1)


def _of(fit: Fit, row: int) -> Fit:
    return Fit(*(values[row] for values in fit))
