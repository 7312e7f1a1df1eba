"""A run that is tracked as a team does it: MLflow's server, PostgreSQL, artifacts in a bucket."""

import os
import subprocess

import numpy as np
import pytest
from mlflow import MlflowClient, pyfunc

from components.tracking.client import CHAMPION
from engines.servers import BUCKET, DRIVERS, needed, postgresql
from serving.model_dir import newest_complete
from tests.conftest import write_faces
from tests.engines.commands import Run, files_with
from tests.real_mlflow import RealServer
from tests.s3_server import SECRET


@pytest.fixture
def database():
    with postgresql() as database:
        yield database


@pytest.fixture
def server(database, store, tmp_path):
    """MLflow's server, in front of both."""
    uri = f"postgresql+psycopg2://127.0.0.1:{database.port}/{database.name}"
    (tmp_path / "server").mkdir()
    environment = {  # as deploy/compose.yaml has it
        "PGUSER": database.user,
        "PGPASSWORD": database.password,
        "MLFLOW_S3_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "PYTHONPATH": str(DRIVERS),
    }
    server = RealServer(tmp_path / "server", uri, f"{BUCKET}/mlflow", environment)
    server.start()
    yield server
    server.kill()


def test_a_run_is_logged_registered_and_loaded_back(server, database, store, tmp_path, monkeypatch):
    settings = [
        "tracking.enabled=true",
        f"tracking.uri={server.uri}",
        "tracking.registered_model=faces",
    ]
    faces = write_faces(tmp_path / "faces", people=8, shots=5)
    with monkeypatch.context() as bare:
        # The clients need no key of the store: the server has it.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            bare.delenv(name)
        run = Run(faces, tmp_path / "run", settings)
    assert "Pusher" in run.done()
    client = MlflowClient(server.uri)
    version = client.get_model_version_by_alias("faces", CHAMPION)
    logged = client.get_run(version.run_id)
    assert logged.info.status == "FINISHED"
    assert "test/EER" in logged.data.metrics
    assert any(path.endswith("model.keras") for path in store.find(f"{BUCKET}/mlflow"))
    pushed = newest_complete(str(tmp_path / "run/serving_model")).version
    assert version.tags["thresholds_sha256"] == pushed.pack.sha256
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    embeddings = pyfunc.load_model(f"models:/faces@{CHAMPION}").predict(pixels)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    assert_nowhere([SECRET, database.trace], database, tmp_path)
    for path in store.find(f"{BUCKET}/mlflow"):
        assert SECRET.encode() not in store.cat_file(path)


def assert_nowhere(secrets, database, folder):
    """No secret is in a file of the run or of the server, nor in a value that MLflow keeps."""
    (program,) = needed("pg_dump")
    kept = subprocess.run(
        [
            *(program, "--host=127.0.0.1", f"--port={database.port}", "--inserts"),
            *(f"--username={database.user}", database.name),
        ],
        env=os.environ | {"PGPASSWORD": database.password},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "arcface-pipeline" in kept
    for secret in secrets:
        assert files_with(secret, folder) == []
        assert secret not in kept
