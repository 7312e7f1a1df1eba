"""Who may use a service."""

import pytest

from groundfloor.errors import UserError
from serving.service.tokens import Tokens, is_loopback, read_tokens, require_token_or_loopback

ONE, TWO = "1" * 32, "2" * 32


def test_a_holder_is_told_from_another_and_from_nobody():
    tokens = Tokens([ONE, TWO])
    holders = [tokens.holder(f"Bearer {token}".encode()) for token in (ONE, TWO, "3" * 32, "")]
    assert holders == ["token 0", "token 1", None, None]
    assert tokens.holder(f"bearer {ONE}".encode()) == "token 0"
    assert tokens.holder(f"Basic {ONE}".encode()) is None
    assert tokens.holder(b"Bearer \xff\x00") is None


def test_tokens_are_those_of_the_file_and_of_the_environment(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"{TWO}\r\n\n")
    tokens = read_tokens({"ARCFACE_API_TOKEN": ONE}, file)
    assert all(tokens.holder(f"Bearer {token}".encode()) for token in (ONE, TWO))
    assert not read_tokens({"ARCFACE_API_TOKEN": ""})


@pytest.mark.parametrize("content", [b"short", b"\xff\xfe" * 20, b"\n", "ü" * 20, b"a b" * 9])
def test_a_token_that_is_none_is_refused_and_never_shown(tmp_path, content):
    file = tmp_path / "tokens"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        read_tokens({}, file)
    assert "tokens" in str(caught.value)
    assert "short" not in str(caught.value)


def test_nothing_that_prints_tokens_shows_them():
    assert ONE not in repr(vars(Tokens([ONE])))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "[::1]", "127.8.8.8"])
def test_a_service_of_its_own_machine_needs_no_token(host):
    assert is_loopback(host)
    require_token_or_loopback(host, Tokens())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_any_other_needs_one(host):
    require_token_or_loopback(host, Tokens([ONE]))
    with pytest.raises(UserError, match="there is no token: set ARCFACE_API_TOKEN"):
        require_token_or_loopback(host, Tokens())
