"""The section `image`, and the parts of it that steps take."""

import typing

from components.image_config import DetectionConfig, ImageConfig
from faces.images.decode import RESIZE_MODES
from faces.images.preprocess import Preprocessing


def choices(key):
    return typing.get_args(ImageConfig.model_fields[key].annotation)


def test_the_ways_of_resizing_are_those_that_there_are():
    assert choices("resize") == tuple(RESIZE_MODES)


def test_the_defaults_are_those_of_the_library():
    assert ImageConfig().preprocessing([64, 48, 1]) == Preprocessing((64, 48, 1))


def test_every_key_arrives_in_the_preprocessing():
    image = ImageConfig(
        resize="pad", align=False, detector="mtcnn", faces="centre", no_face="resize"
    )
    assert image.preprocessing([32, 32, 3]) == Preprocessing(
        (32, 32, 3), "pad", align=False, detector="mtcnn", faces="centre", no_face="resize"
    )


def test_what_finds_faces_is_a_part_that_resizing_does_not_change():
    assert ImageConfig(resize="pad", align=False).detection() == DetectionConfig()
    found = ImageConfig(detector="mtcnn", faces="centre").detection()
    assert found == DetectionConfig(detector="mtcnn", faces="centre")
