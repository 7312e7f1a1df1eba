"""Executor of ImageExampleGen."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfx.components.example_gen import utils as example_gen_utils
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components.beam_executor import BeamExecutor
from components.example_gen.checked import CheckedImage
from components.example_gen.checking import CheckImages, CheckOptions, read_checked
from components.example_gen.config import DataConfig
from components.example_gen.copying import SpilledImages
from components.example_gen.detecting import DETECTION_FILE_NAME
from components.example_gen.judging import Judgement, judge
from components.example_gen.source import source_for
from components.example_gen.writing import WriteShards, plan_shards
from components.image_config import DetectionConfig
from components.shards import remove_leftovers, write_listing
from faces.content import fingerprint_of
from faces.contract import SPLITS
from faces.quarantine import FILE_NAME, TABLE_FILE_NAME
from faces.record import Listing, Record, Source
from faces.report.quarantine_sheet import SHEET_FILE_NAME
from faces.sources.spans import has_span, newest_span
from faces.splits import REPORT_FILE_NAME, SplitReport
from groundfloor.errors import UserError
from groundfloor.paths import Location, checked_location

DATA_CONFIG_KEY = "data_config"
DETECTION_CONFIG_KEY = "detection_config"
CHANNELS_KEY = "channels"
QUARANTINE_KEY = "quarantine"


class Executor(BeamExecutor):
    """Reads and checks every image once, splits those that can be used, and writes the splits."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the examples and the quarantine report.

        Args:
          input_dict: empty.
          output_dict:
            - examples: `Examples` with the splits train, val and test.
            - quarantine: `QuarantineReport`.
          exec_properties: those of `ImageExampleGenSpec`.

        Raises:
          UserError: the source, or more than `max_quarantined` of its files, cannot be used, or
            those that can be used are too few to split, or all plain or equal.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        exec_properties = _of_newest_span(exec_properties, output_dict)
        data = DataConfig.from_property(exec_properties[DATA_CONFIG_KEY])
        (examples,) = output_dict[standard_component_specs.EXAMPLES_KEY]
        (report,) = output_dict[QUARANTINE_KEY]
        spill_folder = os.path.join(self._get_tmp_dir(), "spilled")
        fileio.makedirs(spill_folder)
        try:
            listing, checked = self._check(spill_folder, data, exec_properties)
            usable = [image for image in checked if not image.reason]
            images = SpilledImages(usable, spill_folder)
            detection = _detection_config(exec_properties)
            found = judge(listing, checked, data, detection, images.encoded)
            self._write(usable, found.copies.splits, spill_folder, examples)
            sheet = found.sheet(images, source_of(exec_properties))
        finally:
            fileio.rmtree(spill_folder)
        _write_report(report, found, found.split_report(data), sheet)

    def _check(
        self, spill_folder: str, data: DataConfig, exec_properties: Mapping[str, Any]
    ) -> tuple[Listing, list[CheckedImage]]:
        """Lists the source, and spills what can be used of it.

        Raises:
          UserError: the files are not those that the driver saw, and the cache would remember.
        """
        source = source_of(exec_properties)
        listing = source.list()
        options = CheckOptions(
            source,
            spill_folder,
            data.max_pixels,
            exec_properties[CHANNELS_KEY],
            _detection_config(exec_properties),
        )
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | CheckImages(listing.records, options)
        checked: list[CheckedImage] = []
        found = read_checked(listing.records, spill_folder)
        fingerprint = fingerprint_of(listing, _marks(found, checked))
        seen = exec_properties.get(example_gen_utils.FINGERPRINT_PROPERTY_NAME)
        if seen and seen != fingerprint:
            where = exec_properties[standard_component_specs.INPUT_BASE_KEY]
            raise UserError(f"the files in {where!r} changed while they were read: run it again")
        return listing, checked

    def _write(
        self,
        usable: Sequence[CheckedImage],
        splits: Mapping[Record, str],
        spill_folder: str,
        examples: Any,
    ) -> None:
        """Writes what was spilled to the files of the splits, and describes them."""
        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        folders = {split: artifact_utils.get_split_uri([examples], split) for split in SPLITS}
        members: dict[str, list[CheckedImage]] = {folder: [] for folder in folders.values()}
        for image in usable:
            if image.record in splits:
                members[folders[splits[image.record]]].append(image)
        shards = plan_shards(members)
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | WriteShards(shards, spill_folder)
        remove_leftovers(
            {
                folder: [shard.name for shard in shards if shard.folder == folder]
                for folder in members
            }
        )
        write_listing(examples.uri, members)
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")


def _marks(found: Iterable[tuple[str, CheckedImage]], checked: list[CheckedImage]) -> Iterator[str]:
    """The mark of each image, while the images themselves are gathered in `checked`."""
    for mark, image in found:
        checked.append(image)
        yield mark


def _of_newest_span(
    exec_properties: dict[str, Any], output_dict: Mapping[str, list[Any]]
) -> dict[str, Any]:
    """The properties with the newest span in the place of a pattern, and the examples marked so.

    The driver does the same; but Kubeflow runs no driver.
    """
    location = location_of(exec_properties)
    if not has_span(location):
        return exec_properties
    newest = newest_span(location)
    (examples,) = output_dict[standard_component_specs.EXAMPLES_KEY]
    examples.set_int_custom_property(example_gen_utils.SPAN_PROPERTY_NAME, newest.span)
    if newest.version is not None:
        examples.set_int_custom_property(example_gen_utils.VERSION_PROPERTY_NAME, newest.version)
    return exec_properties | {standard_component_specs.INPUT_BASE_KEY: str(newest.location)}


def location_of(exec_properties: Mapping[str, Any]) -> Location:
    """The path or URL that a component's properties name.

    Raises:
      UserError: it cannot be one, or has credentials in it.
    """
    try:
        return checked_location(exec_properties[standard_component_specs.INPUT_BASE_KEY])
    except ValueError as error:
        raise UserError(f"the images: {error}") from None


def source_of(exec_properties: Mapping[str, Any]) -> Source:
    """The source that a component's properties name.

    Raises:
      UserError: see `location_of` and `source_for`.
    """
    data = DataConfig.from_property(exec_properties[DATA_CONFIG_KEY])
    return source_for(data, location_of(exec_properties))


def _detection_config(exec_properties: Mapping[str, Any]) -> DetectionConfig:
    return DetectionConfig.from_property(exec_properties[DETECTION_CONFIG_KEY])


def _write_report(report: Any, found: Judgement, split_report: SplitReport, sheet: str) -> None:
    quarantine = found.quarantine
    contents = {
        FILE_NAME: quarantine.to_json(),
        TABLE_FILE_NAME: quarantine.to_csv(),
        SHEET_FILE_NAME: sheet,
        REPORT_FILE_NAME: split_report.to_json(),
    }
    if found.detection.detector != "off":
        contents[DETECTION_FILE_NAME] = found.detection.to_json()
    for name, content in contents.items():
        io_utils.write_string_file(os.path.join(report.uri, name), content)
    report.set_int_custom_property("files", quarantine.files)
    report.set_int_custom_property("quarantined", len(quarantine.reasons))
