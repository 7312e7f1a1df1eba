"""How a server of Kubeflow Pipelines is reached, and what it says to those it does not let in."""

import kfp
import pytest
from google.auth.exceptions import GoogleAuthError

from tests.pipeline.kubeflow.kfp_server import TOKEN, KfpServer, address, error, serving

pytestmark = pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")


def test_a_token_comes_from_the_environment_and_lets_in(server, command, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", f"{TOKEN}\n")
    server.token = TOKEN
    code, lines, _ = command("--token-env=KFP_TOKEN")
    assert code == 0
    assert TOKEN not in "".join(lines)


def test_without_a_token_the_option_is_named(server, command):
    server.token = TOKEN
    code, _, message = command()
    assert code == 2
    assert "not authorised" in message
    assert "--token-env" in message
    assert server.created == {}


def test_a_wrong_token_is_not_repeated(server, command, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "wrong-one")
    server.token = TOKEN
    code, _, message = command("--token-env=KFP_TOKEN")
    assert code == 2
    assert "does not take the token (401): no such token: Bearer ***" in message
    assert server.requests == ["GET /healthz"]


@pytest.mark.parametrize("value", [None, "", "two words", "ünicode", "two\nlines"])
def test_what_is_no_token_is_refused_and_not_repeated(server, command, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("eyJhbGciOi", value)
    code, _, message = command("--token-env=eyJhbGciOi")
    assert code == 2
    assert "Received" in message
    assert "eyJhbGciOi" not in message
    assert (value or "eyJhbGciOi") not in message
    assert server.requests == []


def test_what_is_forbidden_is_said_in_the_servers_words(server, command):
    server.special["POST /runs"] = error(403, "user cannot create runs in namespace team")
    code, _, message = command()
    assert code == 2
    assert "not authorised" in message
    assert message.endswith("(403): user cannot create runs in namespace team")


def test_a_google_host_without_credentials_is_an_error_of_one_line(command, monkeypatch):
    def fail():
        raise GoogleAuthError("no credentials found")

    monkeypatch.setattr(kfp.client.client.auth, "get_gcp_access_token", fail)
    code, _, message = command(host="https://faces.pipelines.googleusercontent.com")
    assert code == 2
    assert message.startswith("error: not authorised: no token for https://faces")


def test_a_host_that_is_down_is_named(server, command):
    with serving(KfpServer()) as other:
        down = other.host
    code, _, message = command(host=down)
    assert code == 2
    assert message.startswith(f"error: {down} does not answer: ")
    assert len(message.splitlines()) == 1


def test_a_host_without_tls_is_named(server, command):
    host = server.host.replace("http:", "https:")
    code, _, message = command(host=host)
    assert code == 2
    assert message.startswith(f"error: {host} does not answer: [SSL")


def test_a_slash_at_the_end_of_the_host_does_not_matter(server, command):
    _, lines, _ = command("--no-wait", host=f"{server.host}/")
    assert lines == [f"started: {address(server)}"]


# The second is the one that kfp.Client takes for none.
@pytest.mark.parametrize("namespace", ["team", "kubeflow"])
def test_a_server_of_several_users_gets_the_namespace(server, command, namespace):
    server.multi_user = True
    assert command(f"--namespace={namespace}")[0] == 0
    assert server.namespaces == [namespace]


def test_a_server_of_several_users_wants_a_namespace(server, command):
    server.multi_user = True
    code, _, message = command()
    assert code == 2
    assert message.endswith("has several users: name yours with --namespace")


@pytest.mark.parametrize(
    "host", ["localhost:8080", "ftp://host", "http://", "http://[::1", "http://user:pass@host"]
)
def test_a_host_that_is_no_url_is_refused(command, host):
    code, _, message = command(host=host)
    assert code == 2
    assert message.startswith("error: --host must")
    assert "pass@" not in message
