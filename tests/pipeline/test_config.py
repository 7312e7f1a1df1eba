"""Configuration: what is accepted, and what each mistake says."""

import re
from inspect import signature
from pathlib import Path

import keras
import numpy as np
import pytest

from components.section import is_auto
from pipeline import run_local
from pipeline.config import Config, ConfigError, keys_with_credentials, load_config
from tests import ROOT

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def write(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_configuration_is_valid(path):
    is_named_at_each_run = path.name in ("auto.yaml", "flink.yaml")
    assert (load_config(path).data.input_dir is None) == is_named_at_each_run


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_configuration_in_the_docs_is_valid(path, tmp_path):
    for text in re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        load_config(write(tmp_path, text))


def test_the_keys_of_the_seed_are_all_there(tmp_path):
    config = load_config(
        write(
            tmp_path,
            """
            data: {input_dir: faces, processed_dir: processed, test_split: 0.2, val_split: 0.1,
                   split_mode: stratified, seed: 1}
            model: {input_shape: [112, 112, 3], embedding_dim: 512, dropout_rate: 0.4,
                    l2_reg: 1e-4, arcface_margin: 0.5, arcface_scale: 64, backbone: resnet18}
            training: {batch_size: 32, epochs: 5, initial_lr: 1e-3, mixed_precision: true,
                       early_stopping_patience: 3, checkpoint_dir: checkpoints, log_dir: logs}
            """,
        )
    )
    assert config.training.initial_lr == 0.001
    assert config.training.mixed_precision is True
    assert config.data.processed_dir == Path("processed")


def test_without_a_configuration_the_recipe_of_a_run_follows_the_data():
    path = signature(run_local.main).parameters["config"].default
    config = load_config(path)
    sections = (config.model, config.training)
    left = {key for part in sections for key, value in part if is_auto(value)}
    assert path == ROOT / "configs" / "auto.yaml"
    assert left == {
        "arcface_margin",
        "arcface_scale",
        "batch_size",
        "epochs",
        "initial_lr",
        "warmup_epochs",
        "margin_warmup",
        "augment",
        "early_stopping_patience",
        "mixed_precision",
        "monitor",
        "strategy",
    }


def test_an_empty_file_means_the_defaults(tmp_path):
    assert load_config(write(tmp_path, "")) == load_config() == Config()


def test_an_override_wins_over_the_file(tmp_path):
    path = write(tmp_path, "training: {epochs: 5, batch_size: 8}")
    config = load_config(path, ["training.epochs=3", "evaluation.bounds.EER.max=0.1"])
    assert (config.training.epochs, config.training.batch_size) == (3, 8)
    assert config.evaluation.bounds["EER"].max == 0.1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "training.epoch: unknown key (did you mean epochs?)"),
        ("trainin.epochs=3", "trainin: unknown key (did you mean training?)"),
        ("evaluation.bounds.EER.maximum=1", "EER.maximum: unknown key (did you mean max?)"),
        ("evaluation.bound={}", "evaluation.bound: unknown key (did you mean bounds?)"),
        ("kubeflow.volumes=[{claim: x, mount_path: y, p: z}]", "(known here: claim, mount_path)"),
        ("training.epochs=0", "training.epochs: Input should be greater than 0. Received: 0"),
        ("training.epochs=1.5", "training.epochs: Input should be a valid integer"),
        ("training.epochs=true", "training.epochs: Input should be a valid integer"),
        ("training.epochs='3'", "training.epochs: Input should be a valid integer"),
        ("training.initial_lr=fast", "training.initial_lr: Input should be a valid number"),
        ("training.mixed_precision=yess", "training.mixed_precision: "),
        ("data.test_split=1.0", "data.test_split: Input should be less than 1. Received: 1.0"),
        ("data.test_split=0", "data: test_split must be above 0"),
        ("data.test_split=0.95", "data: test_split + val_split must be below 1"),
        ("data={test_dir: a, test_identities: [b]}", "data: test_dir and test_identities are two"),
        ("data={test_dir: a, split_mode: stratified}", "data: split_mode must be 'identity_disj"),
        ("data.test_identities=[]", "data.test_identities: must be a list of names, at least one"),
        ("data.test_identities=[true]", "or a file with one a line. Received: [True]"),
        ("data.test_dir=3", "data.test_dir: must be a path or a URL. Received: 3"),
        ("data.split_mode=random", "data.split_mode: Input should be 'identity_disjoint' or"),
        ("model.input_shape=[112,112]", "model: input_shape must be [height, width, channels]"),
        ("model.input_shape=[112,112,4]", "model: input_shape must be [height, width, channels]"),
        ("model.input_shape=[16,16,3]", "model: input_shape must be at least 32 pixels"),
        ("model.export=[onnx, coreml]", "model.export.1: must be 'onnx' or 'openvino' or"),
        ("model.export=[onnx, onnx]", "model.export: must name each once. Received: "),
        ("model.backbone=vgg", "model.backbone: Input should be 'resnet10', 'resnet18',"),
        (
            "model.weights=a.h5",
            "model.weights: must end in .keras or .weights.h5. Received: 'a.h5'",
        ),
        ("model.arcface_margin=1.6", "model.arcface_margin: Input should be less than 1.57"),
        ("model.partial_fc=0", "model.partial_fc: Input should be greater than 0"),
        ("model.partial_fc=1.1", "model.partial_fc: Input should be less than or equal to 1"),
        ("evaluation.bounds={EER: {}}", "evaluation.bounds.EER: give min, max or both"),
        ("evaluation.protocols.closed_st={}", "unknown key (did you mean closed_set?)"),
        ("evaluation.protocols.closed_set.gallery_image=2", "(did you mean gallery_images?)"),
        ("evaluation.protocols.closed_set.gallery_images=0", "should be greater than 0"),
        ("evaluation.protocols.open_set.non_mated=1", "non_mated: Input should be less than 1"),
        ("evaluation.protocols.pairs={}", "evaluation.protocols.pairs: give the file of the pairs"),
        ("evaluation.slices.file=a.csv", "evaluation.slices.columns: Field required"),
        ("evaluation.slices={file: a.csv, columns: []}", "columns: List should have at least 1"),
        ("evaluation.intervals=jackknife", "intervals: must be 'bootstrap' or 'clopper_pearson'"),
        ("evaluation.shards=0", "evaluation.shards: Input should be greater than 0"),
        ("evaluation.dev_share=1", "evaluation.dev_share: Input should be less than 1"),
        ("evaluation.dev_share=0", "evaluation.dev_share: Input should be greater than 0"),
        (
            "evaluation.bounds={EERR: {max: 0.1}}",
            "evaluation: bounds.EERR: there is no such figure to set a bound on "
            "(did you mean EER?)",
        ),
        ("evaluation.bounds={TAR@FAR=1e-05: {min: 0.1}}", "(add 1e-05 to target_fars)"),
        ("evaluation.bounds={EER_threshold: {max: 0.1}}", "(known: EER, AUC, "),
        ("evaluation.bounds={A: {max: 1}, B: {max: 1}}", "bounds.A: "),
        ("evaluation.bounds={A: {max: 1}, B: {max: 1}}", "bounds.B: "),
        ("evaluation.bounds_hold=figure", "bounds_hold: must be 'interval' or 'value'. Received"),
        ("evaluation.min_people=0", "evaluation.min_people: Input should be greater than 0"),
        ("evaluation.beat_baselines=1", "beat_baselines: Input should be a valid boolean"),
        ("evaluation.require_threshold=no_one", "require_threshold: Input should be a valid bool"),
        ("evaluation.max_regression=-0.1", "max_regression: Input should be greater than or equal"),
        ("data={", "the value is not valid YAML"),
        ("data.seed=4294967296", "data.seed: must be at most 4294967295: NumPy takes no larger"),
        ("data.seed=-1", "data.seed: Input should be greater than or equal to 0. Received: -1"),
        ("data.seed=1:30", "data.seed: Input should be a valid integer. Received: '1:30'"),
        ("data.seed=012", "data.seed: Input should be a valid integer. Received: '012'"),
        ("data.seed=0x10", "data.seed: Input should be a valid integer. Received: '0x10'"),
        ("data.seed=2024-01-01", "data.seed: Input should be a valid integer. Received: '2024-"),
        ("data.seed=1_0", "data.seed: Input should be a valid integer. Received: '1_0'"),
        ("data.seed=" + "9" * 5000, "--set data.seed: the value is not valid YAML: a whole number"),
        ("data.seed=10**400", "data.seed: Input should be a valid integer. Received: '10**400'"),
        ("data.source=foldr", "data.source: must be 'auto' or 'folder' or 'manifest'"),
        ("data.features.identiy=x", "features.identiy: unknown key (did you mean identity?)"),
        ("data.features.image=null", "data.features.image: Input should be a valid string"),
        ("data.features.key=''", "data.features.key: String should have at least 1 character"),
        ("data.features.columns=[a,a]", "must be different from each other"),
        ("data.features.columns=[a,column/a]", "different from each other without column/"),
        (
            "data.input_dir=s3://me:hunter22@b/x",
            "data.input_dir: a URL must hold no user, password",
        ),
        ("data.processed_dir=s3://b/x", "data.processed_dir: it must be a path of this machine"),
        ("data.input_dir=''", "data.input_dir: a path must not be empty"),
        ("data.input_dir=~nobody-of-that-name/x", "data.input_dir: the home folder that ~ stands"),
        ('data.input_dir="a\\0b"', "data.input_dir: a path has no character 0"),
        ("training.augment=yes", "training.augment: Input should be a valid boolean. Received: 'y"),
        ("training.augment=1", "training.augment: Input should be a valid boolean. Received: 1"),
        ("training.mixed_precision=1", "training.mixed_precision: must be a name such as 'auto'"),
        ("training.mixed_precision=float64", "training.mixed_precision: Input should be 'auto', "),
        ("training.epochs=Auto", "training.epochs: Input should be a valid integer. Received: 'A"),
        ("training.max_hours=2", "training: max_hours is a setting of epochs auto. Received: 5"),
        ("training={epochs: auto, schedule: step, milestones: [3]}", "need a number of epochs"),
        ("training.augmentation=[flp]", "training.augmentation: has no change of this name (did"),
        ("training.sampler=person", "training.sampler: must be 'image' or 'people' or 'balanced'"),
        ("training.initial_lr=.nan", "training.initial_lr: Input should be"),
        ("training.initial_lr=.inf", "training.initial_lr: Input should be a finite number"),
        ("training.initial_lr=1e999", "training.initial_lr: Input should be a finite number"),
        ("training.initial_lr='1e-3'", "training.initial_lr: Input should be a valid number"),
        ("training.initial_lr=true", "training.initial_lr: Input should be a valid number"),
        ("training.epochs=1000000000000", "training.epochs: must be at most "),
        ("training.batch_size=1000000000", "training.batch_size: must be at most 65536: more im"),
        ("model.input_shape=[112, 100000, 3]", "model.input_shape.1: must be at most 2048"),
        ("model.embedding_dim=1000000000", "model.embedding_dim: must be at most 16384"),
        ("evaluation.shards=1000000000", "evaluation.shards: must be at most 10000"),
        ("evaluation.ranks=[1000000000000]", "evaluation.ranks.0: must be at most "),
        ("evaluation.ranks=[1, 5, 1]", "evaluation.ranks: must be different from each other"),
        ("evaluation.ranks=[]", "evaluation.ranks: List should have at least 1 item"),
        ("evaluation.target_fars=[0.1, 0.1]", "evaluation.target_fars: must be different"),
        ("evaluation.target_fars=[]", "evaluation.target_fars: List should have at least 1 item"),
        ("evaluation.target_fars=[.nan]", "evaluation.target_fars.0: Input should be"),
        ("evaluation.bounds.EER.max=.inf", "EER.max: Input should be a finite number"),
        ("evaluation.bounds={EER: {min: 0.3, max: 0.2}}", "EER: min must not be above max"),
        ("evaluation.max_regression=.nan", "evaluation.max_regression: Input should be"),
        ("evaluation.slices={file: '', columns: [a]}", "slices.file: a path must not be empty"),
        ("training=!!binary aGk=", "could not determine a constructor for the tag"),
        ("training={1: 2}", "a key must be a text"),
        ("training={<<: 3}", "the value is not valid YAML"),
        ("training=" + "[" * 5000, "the value is not valid YAML: nested too deeply"),
        ("training=&a [*a]", "an alias within what it names"),
        ("training=1\n--- 2", "the value is several documents"),
        ("data.credit=see http://me:hunter2@host/", "data.credit: it looks like a password"),
        ("beam.pipeline_args=[--db_password=hunter2]", "beam.pipeline_args: it looks like a pass"),
        ("beam.pipeline_args=[--token, hunter2]", "beam.pipeline_args: it looks like a password"),
        ("kubeflow.serving_dir=gs://me:hunter2@b/", "kubeflow.serving_dir: it looks like a pass"),
        ("epochs", "--set takes key=value"),
        ("training.epochs.x=1", "--set training.epochs.x=1: epochs is not a section"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(tmp_path, override, message):
    path = write(tmp_path, "training: {epochs: 5}")
    with pytest.raises(ConfigError) as caught:
        load_config(path, [override])
    (line,) = str(caught.value).splitlines()
    assert message in line
    assert "hunter2" not in line
    assert len(line) < 700


def test_a_protocol_is_asked_for_by_naming_it(tmp_path):
    assert Config().evaluation.protocols.asked() == {}
    path = write(
        tmp_path,
        """
        evaluation:
          protocols:
            closed_set: {}
            open_set: {non_mated: 0.25}
            templates: {size: 3, file: templates.csv}
            pairs: {file: pairs.txt}
        """,
    )
    asked = {
        "closed_set": {},
        "open_set": {"non_mated": 0.25},
        "templates": {"size": 3, "file": "templates.csv"},
        "pairs": {"file": "pairs.txt"},
    }
    assert load_config(path).evaluation.protocols.asked() == asked
    without = load_config(path, ["evaluation.protocols.pairs.enabled=false"])
    assert without.evaluation.protocols.asked().keys() == asked.keys() - {"pairs"}


def test_a_bound_can_be_set_on_each_figure_that_is_asked_for():
    asked = "evaluation={target_fars: [0.05], ranks: [3], bounds: {%s: {min: 0.1}}}"
    for name in ("EER", "AUC", "Rank-3", "Rank-1 (one enrolled)", "TAR@FAR=5e-02"):
        assert name in load_config(None, [asked % name]).evaluation.bounds
    for name in ("Rank-1", "TAR@FAR=1e-02"):
        with pytest.raises(ConfigError, match="no such figure"):
            load_config(None, [asked % name])


def test_the_gate_is_strict_unless_it_is_told_otherwise():
    gate = Config().evaluation
    assert (gate.bounds_hold, gate.min_people) == ("interval", 10)
    assert gate.beat_baselines
    assert gate.require_threshold


def test_the_former_name_of_the_bounds_is_still_read_and_its_mistakes_are_named_so():
    bounds = load_config(None, ["evaluation.thresholds.EER.max=0.1"]).evaluation.bounds
    assert bounds["EER"].max == 0.1
    with pytest.raises(ConfigError, match=r"thresholds\.EER\.maxi: unknown key .did you mean max"):
        load_config(None, ["evaluation.thresholds.EER.maxi=0.1"])
    with pytest.raises(ConfigError, match="bounds and thresholds are two spellings of the same"):
        load_config(None, ["evaluation.thresholds.EER.max=0.1", "evaluation.bounds.EER.max=0.2"])


def test_slices_have_a_file_and_columns():
    assert Config().evaluation.slices is None
    config = load_config(None, ["evaluation.slices={file: people.csv, columns: [sex, age]}"])
    assert config.evaluation.slices.file == "people.csv"
    assert config.evaluation.slices.columns == ["sex", "age"]
    with pytest.raises(ConfigError, match=r"slices\.colums: unknown key .did you mean columns"):
        load_config(None, ["evaluation.slices={file: people.csv, colums: [sex]}"])


def test_every_mistake_has_its_line(tmp_path):
    path = write(tmp_path, "training: {epoch: 1, batch_size: 0}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert len(str(caught.value).splitlines()) == 2


def test_many_mistakes_are_bounded(tmp_path):
    shape = ", ".join(["x"] * 5000)
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, f"model: {{input_shape: [{shape}]}}"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("and 4980 more mistakes")


def test_keys_are_compared_in_the_time_that_it_takes_to_read_them(tmp_path):
    keys = ", ".join(f"label{number}: x" for number in range(2000))
    config = load_config(write(tmp_path, f"kubeflow: {{node_selector: {{{keys}}}}}"))
    assert len(config.kubeflow.node_selector) == 2000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_file_may_be_written_by_any_editor(tmp_path, encoding):
    path = tmp_path / "c.yaml"
    path.write_text("data: {credit: Ä, seed: 1_000}", encoding=encoding)
    assert (load_config(path).data.credit, load_config(path).data.seed) == ("Ä", 1000)


def test_what_is_written_plainly_is_what_is_meant(tmp_path):
    text = """
        training: &shared {epochs: 3, initial_lr: 1e-3}
        tracking: {experiment: no, enabled: False}
        data: {credit: 2024-01-01, input_dir: ~/faces}
    """
    config = load_config(write(tmp_path, text), ["training={<<: {epochs: 4}, batch_size: 2}"])
    assert (config.training.epochs, config.training.batch_size) == (4, 2)
    assert (config.tracking.experiment, config.tracking.enabled) == ("no", False)
    assert config.data.credit == "2024-01-01"
    assert config.data.input_dir == Path.home() / "faces"


def test_images_may_be_at_a_url_whose_slashes_stay():
    config = load_config(None, ["data.input_dir=s3://bucket/faces", "data.test_dir=gs://b/x.csv"])
    assert str(config.data.input_dir) == "s3://bucket/faces"
    assert '"test_dir": "gs://b/x.csv"' in config.data.to_property()


def test_an_override_changes_one_of_two_sections_that_an_alias_made_equal(tmp_path):
    text = """
        kubeflow:
          resources: {data: &all {cpu_request: "1"}, evaluation: *all}
    """
    config = load_config(write(tmp_path, text), ["kubeflow.resources.data.cpu_request='2'"])
    assert config.kubeflow.resources.data.cpu_request == "2"
    assert config.kubeflow.resources.evaluation.cpu_request == "1"


def test_the_largest_seed_serves_whoever_takes_it():
    seed = load_config(None, ["data.seed=4294967295"]).data.seed
    keras.utils.set_random_seed(seed)
    np.random.default_rng(seed)
    with pytest.raises(ValueError, match="must be between"):
        keras.utils.set_random_seed(seed + 1)


def test_the_address_of_the_tracking_store_may_hold_a_password():
    config = load_config(None, ["tracking.uri=http://me:hunter2@host:5000"])
    assert config.tracking.uri == "http://me:hunter2@host:5000"
    assert keys_with_credentials(config) == ["tracking.uri"]


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*No such file"):
        load_config(tmp_path / "nowhere.yaml")
