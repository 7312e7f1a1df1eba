"""A server of Kubeflow Pipelines: starts runs, tells how they are, and explains its refusals.

It speaks through `kfp.Client`, and so takes what that takes from its environment: the namespace and
the cookie in `~/.config/kfp/context.json`, and `KF_PIPELINES_UI_ENDPOINT`.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import kfp
import kfp_server_api
import urllib3
from google.auth.exceptions import GoogleAuthError
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from components.patience import TooSlowError, call_within
from groundfloor.errors import UserError
from groundfloor.text import shown_text
from pipeline.kubeflow.access import NoAnswerError
from pipeline.kubeflow.run import Run, Task
from pipeline.kubeflow.submission import Submission

# Seconds: to connect, and between two parts of an answer.
_REQUEST_TIMEOUT = (10, 60)

# Seconds that all of one call may take, however slowly the server sends its answer.
_CALL_TIMEOUT = 60.0

_UNAUTHORISED, _FORBIDDEN, _TOO_MANY_REQUESTS, _SERVER_ERROR = 401, 403, 429, 500
_NOT_ALLOWED, _NOT_IMPLEMENTED = 405, 501


def check_pipeline(submission: Submission) -> None:
    """Finds what would be refused, before a server is asked.

    Raises:
      UserError: the file is no pipeline that this version of kfp knows.
    """
    file, document = submission.file, submission.document
    if file.suffix not in (".yaml", ".yml"):
        raise UserError(
            f"a pipeline's file must end in .yaml: KFP takes no other. Received: {file}"
        )
    try:
        json_format.ParseDict(document.spec, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(document.platform, pipeline_spec_pb2.PlatformSpec())
    except (json_format.ParseError, RecursionError) as error:
        raise UserError(
            f"{file} is no pipeline that kfp {kfp.__version__} knows: {shown_text(str(error))}"
        ) from None


class KubeflowServer:
    """A server that is there, speaks the API v2beta1, and lets us in.

    Args:
      host: URL below which `/apis/v2beta1` is, as `checked_host` returns it.
      namespace: of the user, on a server that several share.
      token: what to authorise with; None for a server that asks for none.
      call_timeout: seconds that one call may take.

    Raises:
      NoAnswerError: nothing answers at the host, or it cannot now.
      UserError: what answers is no KFP 2, or does not let us in.
    """

    def __init__(
        self,
        host: str,
        namespace: str | None = None,
        token: str | None = None,
        call_timeout: float | None = None,
    ):
        self._host = host
        self._token = token
        self._call_timeout = call_timeout or _CALL_TIMEOUT
        self._client = self._call(
            lambda: _Client(
                host=self._host,
                # Its default; any other is taken for the user's own.
                namespace=namespace or "kubeflow",
                existing_token=token,
            )
        )
        multi_user = self._call(self._client.get_kfp_healthz).multi_user
        if multi_user is None:
            raise UserError(self._no_api())
        self._namespace = namespace or self._client.get_user_namespace()
        if multi_user and not self._namespace:
            raise UserError(f"{self._host} has several users: name yours with --namespace")

    def start(self, submission: Submission) -> str:
        """Starts a run, and its experiment if there is none of that name.

        The pipeline root goes with the request: KFP 2.17 does not read the file's.

        Returns:
          The run's id.
        """
        experiment = self._call(
            lambda: self._client.create_experiment(submission.experiment, namespace=self._namespace)
        )
        try:
            response = self._call(
                lambda: self._client.run_pipeline(
                    experiment.experiment_id,
                    submission.run_name,
                    pipeline_package_path=str(submission.file),
                    params=dict(submission.arguments),
                    pipeline_root=submission.document.spec.get("defaultPipelineRoot"),
                    service_account=submission.service_account,
                )
            )
        except NoAnswerError as error:
            raise UserError(
                f"{error}\nThe run may have been started all the same: look at "
                f"{self._ui()}/#/runs before you start another"
            ) from None
        return self._run(response).id

    def get_run(self, run_id: str) -> Run:
        """Asks how a run is."""
        return self._run(self._call(lambda: self._client.get_run(run_id)))

    def address(self, run_id: str) -> str:
        """Where a person can look at a run."""
        return f"{self._ui()}/#/runs/details/{run_id}"

    def _ui(self) -> str:
        return os.environ.get("KF_PIPELINES_UI_ENDPOINT", self._host).rstrip("/")

    def _run(self, run: kfp_server_api.V2beta1Run) -> Run:
        if run.run_id is None:
            raise UserError(self._no_api())
        details = run.run_details.task_details if run.run_details else None
        tasks = sorted(details or [], key=lambda task: str(task.start_time))
        return Run(run.run_id, run.state or "", _error(run), tuple(map(_task, tasks)))

    def _call(self, action: Callable[[], Any]) -> Any:
        """What the server answers to a call that takes no longer than it may."""
        with self._explained():
            return call_within(self._call_timeout, action)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what kfp raises into what the user can do, and keeps it from printing."""
        try:
            with redirect_stdout(io.StringIO()):
                yield
        except kfp_server_api.ApiException as error:
            raise self._refusal(error) from None
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise NoAnswerError(
                f"{self._host} does not answer: {shown_text(str(reason))}"
            ) from None
        except TooSlowError:
            raise NoAnswerError(
                f"{self._host} does not answer: a call has not ended within "
                f"{self._call_timeout:g} seconds"
            ) from None
        except ValueError as error:
            raise UserError(
                f"kfp {kfp.__version__} cannot work with {self._host}: {shown_text(str(error))}"
            ) from None
        except GoogleAuthError as error:
            raise UserError(f"not authorised: no token for {self._host}: {error}") from None

    def _refusal(self, error: kfp_server_api.ApiException) -> UserError:
        words = self._words(error)
        said = f"({error.status}): {words}"
        if error.status == _UNAUTHORISED:
            wanted = "does not take the token" if self._token else "asks for a token: --token-env"
            return UserError(f"not authorised: {self._host} {wanted} {said}")
        if error.status == _FORBIDDEN:
            return UserError(
                f"not authorised: {self._host} knows you, but does not let you do this; check "
                f"--namespace and the rights of the token's account {said}"
            )
        # Of a run or an experiment that is not there, KFP says more than that.
        if error.status in (_NOT_ALLOWED, _NOT_IMPLEMENTED) or words == "Not Found":
            return UserError(f"{self._no_api()} {said}")
        if error.status >= _SERVER_ERROR or error.status == _TOO_MANY_REQUESTS:
            return NoAnswerError(f"{self._host} cannot answer {said}")
        return UserError(f"{self._host} refuses this {said}")

    def _no_api(self) -> str:
        return (
            f"{self._host} does not answer as the API v2beta1 of Kubeflow Pipelines: it is a KFP "
            f"before 2.0, a log-in page, or another service; this is kfp {kfp.__version__}"
        )

    def _words(self, error: kfp_server_api.ApiException) -> str:
        """The server's own words, without the token, should it repeat that."""
        try:
            words = json.loads(error.body)["message"]
        except (ValueError, TypeError, KeyError):
            words = error.reason
        words = str(words)
        return shown_text(words.replace(self._token, "***") if self._token else words)


class _Client(kfp.Client):
    """kfp.Client that gives up where it asks again and again.

    The base class asks five times for the server's health, seconds apart and whatever the answer,
    waits for an answer for ever, and comes back when the server says, be it tomorrow.
    """

    def _load_config(self, *args: Any, **kwargs: Any) -> kfp_server_api.Configuration:
        config = super()._load_config(*args, **kwargs)
        config.retries = urllib3.Retry(3, respect_retry_after_header=False)
        return config

    def get_kfp_healthz(self, sleep_duration: int = 0) -> kfp_server_api.V2beta1GetHealthzResponse:
        return self.healthzs.healthz_service_get_healthz(_request_timeout=_REQUEST_TIMEOUT)

    def get_run(self, run_id: str) -> kfp_server_api.V2beta1Run:
        return self.runs.run_service_get_run(run_id=run_id, _request_timeout=_REQUEST_TIMEOUT)


def _task(task: kfp_server_api.V2beta1PipelineTaskDetail) -> Task:
    seconds = None
    # The server has an end before the start where there is none yet.
    if task.start_time and task.end_time and task.end_time >= task.start_time:
        seconds = (task.end_time - task.start_time).total_seconds()
    return Task(task.display_name or "", task.state or "", seconds, _error(task))


def _error(entity: kfp_server_api.V2beta1Run | kfp_server_api.V2beta1PipelineTaskDetail) -> str:
    """Why a run or a task failed: its own error, or else the last one in its history."""
    errors = [status.error for status in entity.state_history or []] + [entity.error]
    messages = [error.message for error in errors if error and error.message]
    return messages[-1] if messages else ""
