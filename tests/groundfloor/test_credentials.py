"""What is kept, printed or pushed has no credentials, and is else as it was."""

import pytest

from groundfloor.credentials import has_credentials, without_credentials


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://user:pa55word@host:5000/x", "http://host:5000/x"),
        ("http://user:1234@host", "http://host"),
        ("http://user:p@ss/w0rd@host:5000/", "http://host:5000/"),
        ("https://t0ken@host/", "https://host/"),
        ("postgresql+psycopg2://u:p%40ss@db/x", "postgresql+psycopg2://db/x"),
        ("postgresql://db/x?sslmode=on&password=ab", "postgresql://db/x?sslmode=on&password=***"),
        ("git+https://me:pw12@host/r.git", "git+https://host/r.git"),
        ("https://h/a?X-Amz-Signature=ab12&x=1", "https://h/a?X-Amz-Signature=***&x=1"),
        ("https://h/a?sv=1&sig=ab%3D", "https://h/a?sv=1&sig=***"),
        ("s3://bucket/key?AWSAccessKeyId=AK&n=1", "s3://bucket/key?AWSAccessKeyId=***&n=1"),
        ("--db_password=hunter2 --runner=x", "--db_password=*** --runner=x"),
        ("API request to http://u:s@h:1/a failed", "API request to http://h:1/a failed"),
        ('{"password": "hunter 2", "a": 1}', '{"password": ***, "a": 1}'),
        ("sent Basic dXNlcjpwYXNz", "sent Basic ***"),
    ],
)
def test_credentials_are_taken_out(text, clean):
    assert without_credentials(text) == clean
    assert without_credentials(clean) == clean
    assert has_credentials(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000/a@b",
        "http://[::1]:5000/x@y",
        "sqlite:////home/a@b/mlflow.db",
        "file:///tmp/a%20b",
        "monkey=3 keyboard=4 tokenizer=bert author=me",
        "mail me@host at 10:30",
        "minio://bucket/key",
        "MLFLOW_TRACKING_PASSWORD",
        "https://host/page?q=1#top",
    ],
)
def test_what_has_none_stays_as_it_is(text):
    assert without_credentials(text) == text
    assert not has_credentials(text)


def test_a_known_secret_is_found_where_nothing_shows_what_it_is():
    uri = "postgresql://me:p%40ssword@db/x?password=an0ther"
    text = "no host called ssword@db; p@ssword, p%40ssword and an0ther were refused"
    clean = "no host called ssword@db; ***, *** and *** were refused"
    assert without_credentials(text, uri) == clean
