"""What a run ends with: the figures, the verdict, and where everything is."""

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from biometrics.figures.names import is_known
from biometrics.report.links import with_link
from biometrics.thresholds.pack import SUPPORTED, shortcoming
from faces.report.quarantine_sheet import SHEET_FILE_NAME
from pipeline.console import TextConsole
from pipeline.run_folder import RunFolder

# Rates at the threshold that makes them equal on these very people: no result to show.
_TUNED_ON_THEMSELVES = ("FAR", "FRR")


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes:
      metrics: the content of metrics.json.
      blessed: whether the model was blessed.
      reasons: why, or why not, a sentence each.
      report: the report's file.
      pushed_model: where the model was pushed to; None if it was not.
      model_run: the folder of checkpoints and TensorBoard's logs.
      quarantined: what is wrong by key of the files that could not be used.
      quarantine_counts: reason -> how many images are not used for it.
      contact_sheet: the page that shows them; None if there is none.
      data_remarks: what is to be said of splits and of equal images, a sentence each.
      anomalies: what ExampleValidator found, a line each.
      tracking_uri: of the MLflow store; empty without tracking.
      tracking_failure: why tracking stopped; empty if it did not.
      tracking_unsent: where what MLflow has not taken is kept; None: it has all.
      pack_sha256: the digest of the thresholds that were pushed with the model; empty if none were.
    """

    metrics: Mapping[str, Any]
    blessed: bool
    reasons: list[str]
    report: Path
    pushed_model: Path | None
    model_run: Path
    quarantined: Mapping[str, str] = field(default_factory=dict)
    quarantine_counts: Mapping[str, int] = field(default_factory=dict)
    contact_sheet: Path | None = None
    data_remarks: list[str] = field(default_factory=list)
    anomalies: list[str] = field(default_factory=list)
    tracking_uri: str = ""
    tracking_failure: str = ""
    tracking_unsent: Path | None = None
    pack_sha256: str = ""

    @property
    def has_sheet(self) -> bool:
        """Whether there is a page of images that is worth a look."""
        return bool(self.contact_sheet and (self.quarantine_counts or self.data_remarks))


def keep_latest(result: RunResult, folder: RunFolder) -> None:
    """Copies what a run is judged by to `latest/`, each file replaced in one step.

    That is metrics.json, report.html, and the page of what is not used, to which the report links.
    """
    report = result.report.read_text(encoding="utf-8")
    (folder.latest / SHEET_FILE_NAME).unlink(missing_ok=True)  # of a run before
    if result.contact_sheet and result.has_sheet:
        sheet = result.contact_sheet
        _replace(folder.latest / sheet.name, sheet.read_text(encoding="utf-8"))
        counts = _in_words(result.quarantine_counts)
        report = with_link(report, f"Images not used: {counts or 'none'}", sheet.name)
    metrics = result.report.with_name("metrics.json")
    _replace(folder.latest / metrics.name, metrics.read_text(encoding="utf-8"))
    _replace(folder.latest / result.report.name, report)


def _replace(target: Path, content: str) -> None:
    unfinished = Path(f"{target}.new")
    unfinished.write_text(content, encoding="utf-8")
    os.replace(unfinished, target)


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


def print_summary(console: TextConsole, result: RunResult, folder: RunFolder) -> None:
    """Prints the table of metrics, the verdict, and where to look next.

    Args:
      console: where to print.
      result: of the run.
      folder: of the run.
    """
    console.print()
    console.print(_metrics_table(result.metrics))
    for metric, needed in result.metrics["unsupported"].items():
        pairs = result.metrics["counts"]["impostor_pairs"]
        console.say(f"{metric}: no figure, it needs {needed} impostor pairs (here: {pairs})")
    _print_baselines(console, result.metrics)
    _print_thresholds(console, result.metrics)
    _print_remarks(console, result.metrics)
    _print_sets(console, result.metrics)
    _print_exports(console, result)
    _print_data_remarks(console, result)
    console.print()
    verdict = "blessed and pushed" if result.blessed else "NOT blessed, and not pushed"
    console.say(f"The model is {verdict}:", "green" if result.blessed else "red")
    for reason in result.reasons:
        console.say(f"  {reason}")
    if result.pack_sha256:
        console.say(f"thresholds.json: sha256 {result.pack_sha256[:12]}")
    console.print()
    _print_places(console, result, folder)


def _metrics_table(metrics: Mapping[str, Any]) -> Table:
    counts = metrics["counts"]
    table = Table(
        title=f"Test split: {counts['images']} images of {counts['identities']} people, "
        f"{counts['genuine_pairs']} genuine and {counts['impostor_pairs']} impostor pairs",
        title_justify="left",
    )
    columns = {"this model": metrics} | dict(metrics["baselines"])
    table.add_column("metric")
    table.add_column("this model")
    table.add_column("95 % interval")
    for name in metrics["baselines"]:
        table.add_column(name)
    for metric, value in metrics.items():
        if isinstance(value, int | float) and metric not in _TUNED_ON_THEMSELVES:
            low_high = metrics["intervals"].get(metric)
            first, *others = (_number(column.get(metric)) for column in columns.values())
            table.add_row(metric, first, _interval(low_high) if low_high else "", *others)
    return table


def _interval(low_high: Sequence[float]) -> str:
    low, high = low_high
    return f"{low:.3f} to {high:.3f}" if is_known(low_high) else "not known"


def _print_baselines(console: TextConsole, metrics: Mapping[str, Any]) -> None:
    """Where the baselines are of other images than the model, and which are missing."""
    sample = metrics.get("baselines_sample")
    if sample:
        console.say(
            f"baselines: measured on {sample['identities']} people, {sample['images']} images "
            "drawn; this model on the same in the column beside them",
        )
    for name, why in metrics.get("baselines_missing", {}).items():
        console.say(f"no figures of {name}: {why}", "yellow")


def _print_thresholds(console: TextConsole, metrics: Mapping[str, Any]) -> None:
    """What a user of the model gets: the rates on people that had no part in the choice."""
    if "thresholds_missing" in metrics:
        missing = f"no threshold: {metrics['thresholds_missing']}"
        console.say(missing, "yellow")
        return
    for point in metrics["thresholds"]:
        dev, test = point["dev"], point["test"]
        rates = ", ".join(_rate(test, key) for key in ("FAR", "FRR"))
        console.say(
            f"threshold {point['name']}: {point['threshold']:.4f}, chosen on "
            f"{dev['identities']} people; on the other {test['identities']} {rates}: "
            f"{point['state']}",
        )
        if point["state"] != SUPPORTED:
            lacks = shortcoming(dev["identities"], point["people_needed"])
            console.say(f"  provisional, for {lacks}", "yellow")
    for name, needed in metrics["unsupported_thresholds"].items():
        console.say(
            f"threshold {name}: none, it takes {needed['people']} people who choose, with "
            f"{needed['impostor_pairs']} impostor pairs",
        )


def _print_remarks(console: TextConsole, metrics: Mapping[str, Any]) -> None:
    if "slices_missing" in metrics:
        why = metrics["slices_missing"]
        console.say(f"slices: not measured: {why}", "yellow")
    for name, protocol in metrics["protocols"].items():
        for remark in protocol["remarks"]:
            console.say(f"protocol {name}: {remark}", "yellow")


def _print_sets(console: TextConsole, metrics: Mapping[str, Any]) -> None:
    """The verification sets: their figures in a line, and what has to be known of them."""
    for name, of_set in metrics.get("verification", {}).items():
        figures = of_set["figures"]
        shown = [f"{key} {_number(figures[key])}" for key in figures if key != "EER_threshold"]
        console.say(f"verification set {name}: {', '.join(shown) or 'no figures'}")
        for remark in of_set["remarks"]:
            console.say(f"  {remark}", "yellow")


def _print_exports(console: TextConsole, result: RunResult) -> None:
    """Which other formats of the model there are, and which there are not, and why."""
    for name, export in result.metrics.get("exports", {}).items():
        if not export["passed"]:
            console.say(
                f"export {name}: not to be used, and NOT pushed: {export['reason']}", "yellow"
            )
            continue
        pushed = "pushed with the model" if result.blessed else "as the model, not pushed"
        costs = ", ".join(
            f"{key} {_number(figure['export'])} ({_number(figure['model'])})"
            for key, figure in export.get("figures", {}).items()
        )
        console.say(
            f"export {name}: {pushed}; its embeddings are within {export['farthest']:.2g} of the "
            f"model's{f'; {costs}, the model in brackets' if costs else ''}"
        )


def _rate(measured: Mapping[str, Any], key: str) -> str:
    """An error rate with its interval."""
    low, high = measured["intervals"][key]
    limits = f"{low:.4f} to {high:.4f}" if is_known((low, high)) else "not known"
    return f"{key} {measured[key]:.4f} (95 % interval {limits})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _print_data_remarks(console: TextConsole, result: RunResult) -> None:
    if result.quarantined:
        console.say(f"files that could not be used: {len(result.quarantined)}")
        for key, reason in list(result.quarantined.items())[:5]:
            console.say(f"  {key!r}: {reason}")
    if result.quarantine_counts:
        console.say(f"images that are not used: {_in_words(result.quarantine_counts)}")
    for remark in result.data_remarks:
        console.say(f"data: {remark}", "yellow")
    for anomaly in result.anomalies:
        console.say(f"data anomaly: {anomaly}", "yellow")


def _print_places(console: TextConsole, result: RunResult, folder: RunFolder) -> None:
    programs = Path(sys.executable).parent
    report = _shown(folder.latest / "report.html")
    places = [("report", report, ["xdg-open", report])]
    if result.contact_sheet and result.has_sheet:
        sheet = _shown(result.contact_sheet)
        places.append(("images", sheet, ["xdg-open", sheet]))
    if result.pushed_model:
        verify = [_shown(programs / "python"), "pipeline/verify.py", "A.jpg", "B.jpg"]
        pushed = ["--model-dir", _shown(result.pushed_model.parent)]
        places.append(("model", _shown(result.pushed_model), verify + pushed))
    if result.tracking_uri:
        store = ["ui", "--backend-store-uri", result.tracking_uri]
        places.append(("MLflow", result.tracking_uri, [_shown(programs / "mlflow"), *store]))
    logs = _shown(result.model_run / "tensorboard")
    tensorboard = [_shown(programs / "tensorboard"), *_tensorboard_options(result, folder)]
    places.append(("training", logs, tensorboard))
    for name, place, command in places:
        console.say(f"{name + ':':<10}{place}")
        typed = shlex.join(command)
        console.say(f"{'':<10}$ {typed}")
    if result.tracking_failure:
        failure = f"MLflow tracking stopped: {result.tracking_failure}"
        console.say(failure, "yellow")
    if result.tracking_unsent:
        console.say(f"what MLflow lacks is in {_shown(result.tracking_unsent)}; to bring it there:")
        upload = [_shown(programs / "arcface"), "upload", _shown(folder.path)]
        console.say(f"{'':<10}$ {shlex.join(upload)}")


def _tensorboard_options(result: RunResult, folder: RunFolder) -> list[str]:
    """Training and test side by side; in all of the artifacts, if a path has its separators."""
    logs = _shown(result.model_run / "tensorboard")
    figures = _shown(result.report.with_name("tensorboard"))
    if set(logs + figures) & set(",:"):
        return ["--logdir", _shown(folder.artifacts)]
    return ["--logdir_spec", f"train:{logs},test:{figures}"]


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    try:
        relative = str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
    return f"./{relative}" if relative.startswith("-") else relative


def load_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
