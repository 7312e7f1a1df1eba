"""Runs a compiled pipeline on Kubeflow Pipelines, and follows it to its end.

    python pipeline/run_kubeflow.py --host http://localhost:8080 data-dir=/mnt/faces/orl epochs=20

Exit codes: 0, the run succeeded, or with --no-wait is started; 1, it failed, was cancelled, or
could not be followed to its end; 2, something you gave cannot be used, be it the host.
"""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.command import failing_with_one_message, new_app, start
from pipeline.console import TextConsole
from pipeline.kubeflow.access import checked_host, read_token
from pipeline.kubeflow.document import read_document
from pipeline.kubeflow.following import RunDisplay, follow
from pipeline.kubeflow.run import RunNotSucceededError, check_outcome
from pipeline.kubeflow.submission import Submission, typed_parameters

if TYPE_CHECKING:
    from pipeline.kubeflow.client import KubeflowServer

app = new_app()


def _finite(seconds: float | None) -> float | None:
    """`nan` and `inf` are numbers for Python, and no time to wait."""
    if seconds is not None and not math.isfinite(seconds):
        raise typer.BadParameter(f"must be a number of seconds. Received: {seconds}")
    return seconds


@app.command()
def main(
    *,
    host: Annotated[str, typer.Option(help="URL of Kubeflow Pipelines, without /apis.")],
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="What the run sets, such as epochs=20."),
    ] = None,
    file: Annotated[Path, typer.Option(help="The compiled pipeline.")] = Path(
        "build/face_pipeline.yaml"
    ),
    experiment: Annotated[str, typer.Option(help="Made if there is none.")] = "Default",
    run_name: Annotated[
        str | None, typer.Option(help="Default: the pipeline's name, and the time.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="Yours, on a server that several users share.")
    ] = None,
    service_account: Annotated[
        str | None, typer.Option(help="Of Kubernetes, whose rights the steps have.")
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the server's token.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow the run to its end.")] = True,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=_finite,
            help="Seconds to follow it for; it goes on. Default: no limit.",
        ),
    ] = None,
    poll_interval: Annotated[
        float, typer.Option(min=0, callback=_finite, help="Seconds between two looks at the run.")
    ] = 5.0,
) -> None:
    """Run a compiled pipeline on Kubeflow Pipelines."""
    with failing_with_one_message(RunNotSucceededError):
        submission = _submission(
            file,
            parameters or [],
            experiment=experiment,
            run_name=run_name,
            account=service_account,
        )
        server = _server(submission, host, namespace, token_env)
        run_id = server.start(submission)
        display = RunDisplay(TextConsole(), {step.name for step in submission.document.steps})
        display.say(f"started: {server.address(run_id)}")
        if wait:
            _follow(server, run_id, display, poll_interval, timeout)


def _submission(
    file: Path, parameters: list[str], experiment: str, run_name: str | None, account: str | None
) -> Submission:
    document = read_document(file)
    return Submission(
        file=file,
        document=document,
        arguments=typed_parameters(document.parameters, parameters),
        experiment=experiment,
        run_name=run_name or f"{document.spec['pipelineInfo']['name']} {time.strftime('%F %T')}",
        service_account=account,
    )


def _server(
    submission: Submission, host: str, namespace: str | None, token_env: str | None
) -> "KubeflowServer":
    """Finds out what is wrong with all that was given, and then asks the server."""
    host, token = checked_host(host), read_token(token_env)
    # Seconds: not for --help, nor for a misspelt parameter.
    from pipeline.kubeflow.client import KubeflowServer, check_pipeline  # noqa: PLC0415

    check_pipeline(submission)
    return KubeflowServer(host, namespace, token)


def _follow(
    server: "KubeflowServer",
    run_id: str,
    display: RunDisplay,
    poll_interval: float,
    timeout: float | None,
) -> None:
    try:
        run = follow(server, run_id, display, poll_interval, timeout)
        check_outcome(run, display.steps)
        display.say("the run succeeded")
    except KeyboardInterrupt:
        raise RunNotSucceededError("interrupted: no longer followed, the run goes on") from None
    finally:
        display.say(f"look at: {server.address(run_id)}")


if __name__ == "__main__":
    start(app)
