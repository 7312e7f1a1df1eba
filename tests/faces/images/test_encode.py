"""What of a file becomes an image."""

import io
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from faces.images import encode
from faces.images.agreement import channel_means
from faces.images.decode import decode_image
from faces.images.encode import encode_image
from faces.images.formats import ALLOWED, BadImageError
from tests.conftest import draw_face, encoded
from tests.faces.corpus import files

LIMIT = 10_000
FACE = draw_face(person=1, shot=1)
FILES = [file for file in files() if 0 < len(file.data) < 20_000]


def decoded(data: bytes, channels: int = 3) -> np.ndarray:
    return decode_image(tf.constant(data), channels).numpy()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("image_format", ["jpeg", "png"])
def test_jpeg_and_png_pass_through_untouched(image_format, mode, channels):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(FACE.convert(mode), image_format, icc_profile=profile)
    image = encode_image(data, LIMIT, channels)
    assert image.encoded == data
    assert (image.format, image.height, image.width) == (image_format, 48, 40)


def test_opaque_alpha_passes_through_untouched():
    data = encoded(FACE.convert("RGBA"), "png")
    assert encode_image(data, LIMIT, 3).encoded == data


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shade", [255, 128])
def test_pictures_that_look_alike_are_equal_whatever_is_hidden_in_them(shade, channels):
    alpha = Image.new("L", FACE.size, 255)
    alpha.paste(0, (5, 5, 25, 30))
    alpha.paste(shade, (25, 30, 30, 40))
    on_white = Image.composite(FACE, Image.new("RGB", FACE.size, "white"), alpha)
    digests = {encode_image(encoded(on_white, "png"), LIMIT, channels).pixels_sha256}
    for hidden in ("black", "white", "#fefefe", "red"):
        colours = Image.composite(FACE, Image.new("RGB", FACE.size, hidden), alpha.point(bool, "1"))
        colours.putalpha(alpha)
        for image_format in ("png", "webp", "tiff"):
            data = encoded(colours, image_format, lossless=True, exact=True)
            digests.add(encode_image(data, LIMIT, channels).pixels_sha256)
    assert len(digests) == 1


@pytest.mark.parametrize("image_format", ["jpeg", "png", "bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_one_channel_is_the_luma_of_the_picture(mode, image_format):
    if mode == "CMYK" and image_format != "jpeg":
        image_format = "tiff"
    data = encoded(FACE.convert(mode), image_format)
    pixels = decoded(encode_image(data, LIMIT, 1).encoded, channels=1)[..., 0]
    luma = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").convert("L"))
    assert np.abs(pixels.astype(int) - luma).mean() < 1.5


@pytest.mark.parametrize("image_format", ["ppm", "bmp", "tiff", "webp"])
def test_other_formats_become_png_without_loss(image_format):
    image = encode_image(encoded(FACE, image_format, lossless=True), LIMIT, 3)
    assert image.format == "png"
    np.testing.assert_array_equal(decoded(image.encoded), np.asarray(FACE))


def test_a_grey_pgm_stays_grey():
    grey = FACE.convert("L")
    image = encode_image(encoded(grey, "ppm"), LIMIT, 3)
    np.testing.assert_array_equal(decoded(image.encoded, channels=1)[..., 0], np.asarray(grey))


def test_sixteen_bit_grey_keeps_its_high_byte():
    levels = (np.arange(48 * 40, dtype=np.uint16).reshape(48, 40) * 32).astype(np.uint16)
    image = encode_image(encoded(Image.fromarray(levels), "tiff"), LIMIT, 3)
    np.testing.assert_array_equal(decoded(image.encoded, channels=1)[..., 0], levels >> 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(FACE, "png", exif=exif)
    expected = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: a.transpose(1, 0, 2)[::-1],
    }[orientation](np.asarray(FACE))
    image = encode_image(data, LIMIT, 3)
    np.testing.assert_array_equal(decoded(image.encoded), expected)
    assert (image.height, image.width) == expected.shape[:2]
    # Whoever honours the tag once more must not turn the image back.
    assert Image.open(io.BytesIO(image.encoded)).getexif().get(0x0112, 1) in (1, orientation)
    if orientation != 1:
        assert 0x0112 not in Image.open(io.BytesIO(image.encoded)).getexif()


def test_an_animation_gives_its_first_frame():
    frames = [draw_face(person, 0) for person in (1, 2)]
    data = encoded(frames[0], "webp", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(
        decoded(encode_image(data, LIMIT, 3).encoded), np.asarray(frames[0])
    )


def test_cmyk_and_palette_and_transparency_are_decodable():
    for image, image_format in [
        (FACE.convert("CMYK"), "jpeg"),
        (FACE.convert("CMYK"), "tiff"),
        (FACE.convert("P"), "png"),
        (FACE.convert("RGBA"), "webp"),
        (FACE.convert("1"), "bmp"),
    ]:
        result = encode_image(encoded(image, image_format), LIMIT, 3)
        assert decoded(result.encoded).shape == (48, 40, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"not an image", "not an image in a known format; images are JPEG, PNG, "),
        (encoded(FACE, "jpeg")[:600], "(?i)truncated"),
        (encoded(FACE, "png")[:600], "truncated|broken"),
        (encoded(FACE, "bmp")[:600], "truncated"),
        (encoded(draw_face(1, 1, size=(101, 100)), "png"), "101x100 pixels, over the limit"),
    ],
)
def test_what_is_no_usable_image_has_a_reason(data, reason):
    with pytest.raises(BadImageError, match=reason):
        encode_image(data, LIMIT, 3)


def test_an_image_too_long_to_be_resized_in_bounds_is_refused():
    """TensorFlow's resizing holds a row of the network's height for each column of the image."""
    data = encoded(Image.new("L", (65_536, 1)), "png")
    with pytest.raises(BadImageError, match="65536x1 pixels, a side over 65535"):
        encode_image(data, 10**6, 3)


def test_no_reader_that_is_not_on_the_list_is_asked_nor_any_program_started(monkeypatch):
    Image.init()

    def never(*_, **__):
        raise AssertionError("asked")

    for name in Image.OPEN.keys() - set(ALLOWED):
        monkeypatch.setitem(Image.OPEN, name, (never, never))
    monkeypatch.setattr(subprocess, "Popen", never)
    postscript = encoded(FACE, "eps")
    assert postscript.startswith(b"%!PS")
    # With another beginning, or inside of an image that is read, it is no PostScript to anybody.
    for data in (postscript, b"\n" + postscript, b"\xc5\xd0\xd3\xc6" + postscript):
        with pytest.raises(BadImageError, match=r"PostScript|not an image"):
            encode_image(data, LIMIT, 3)
    with pytest.raises(BadImageError, match="a PostScript file; images are JPEG, PNG, "):
        encode_image(postscript, LIMIT, 3)
    for image_format in ("jpeg", "png", "gif", "bmp", "tiff", "webp", "ppm", "jpeg2000"):
        encode_image(encoded(FACE, image_format) + postscript, LIMIT, 3)


def test_the_pixel_limit_is_checked_before_decoding():
    header_only = encoded(Image.new("L", (20_000, 5_000)), "png")[:100]
    with pytest.raises(BadImageError, match="over the limit"):
        encode_image(header_only, LIMIT, 3)


@settings(max_examples=300)
@given(st.sampled_from(FILES), st.sampled_from([1, 3]), st.data())
def test_whatever_is_broken_is_refused_or_decodable(file, channels, data):
    content = bytearray(file.data)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = encode_image(bytes(content), LIMIT, channels)
    except BadImageError:
        return
    assert decoded(image.encoded, channels).shape == (image.height, image.width, channels)
    # What was written anew is taken as it is by the next that encodes it.
    assert encode_image(image.encoded, LIMIT, channels) == image


def test_one_picture_in_different_files_has_one_digest():
    face = draw_face(1, 1)
    as_png, as_bmp = (encode_image(encoded(face, name), 10_000, 3) for name in ("png", "bmp"))
    other = encode_image(encoded(draw_face(1, 2), "png"), 10_000, 3)
    assert as_png.pixels_sha256 == as_bmp.pixels_sha256 != other.pixels_sha256
    assert not as_png.is_flat


@pytest.mark.parametrize("colour", [(0, 0, 0), (10, 200, 30)])
def test_one_plain_colour_is_flat_even_where_its_channels_differ(colour):
    face = draw_face(1, 1)
    face.paste(colour, (0, 0, *face.size))
    assert encode_image(encoded(face, "png"), 10_000, 3).is_flat
    face.putpixel((3, 3), (255, 255, 255))
    assert not encode_image(encoded(face, "png"), 10_000, 3).is_flat


@given(st.integers(1, 70), st.integers(1, 5), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_means_of_channels_are_those_of_numpy(height, width, channels, seed):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    np.testing.assert_allclose(channel_means(levels), levels.mean(axis=(0, 1)), rtol=1e-12)


@pytest.mark.parametrize("where", [(0, 1), (5, 0), (7, 9)])
def test_a_single_other_pixel_anywhere_is_not_flat(where):
    pixels = np.full((8, 10, 3), 7, np.uint8)
    assert encode._is_flat(pixels)
    pixels[*where, 1] = 8
    assert not encode._is_flat(pixels)
