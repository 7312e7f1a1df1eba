"""Databases and stores, each in a process and a folder of its own, on free ports of loopback."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import s3fs
import yaml

from engines import INSTALLED, ROOT

WEED = INSTALLED / "weed"
DRIVERS = ROOT / "build/engines/python"  # of PostgreSQL, for MLflow's server
BUCKET = "s3://of-the-test"

_COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())

_SECONDS_TO_START = 120


@dataclass(frozen=True)
class Database:
    """A database that is empty at first.

    Attributes:
      port: of its server.
      name: of the database.
      user: who may do everything in it.
      password: of the user.
      trace: what every way of writing the password leaves as it is.
    """

    port: int
    name: str = "of_the_test"
    user: str = "runner"
    # What a URI, a shell, SQL and protobuf's text each print in another way.
    password: str = 'vErySecret"of%40the\\Test'
    trace: str = "vErySecret"


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def needed(*programs: str) -> list[str]:
    """The paths of programs, of which Debian puts some beside the path.

    Raises:
      FileNotFoundError: one is not installed.
    """
    beside = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), Path("/usr/sbin")]
    path = os.pathsep.join([os.environ["PATH"], *map(str, beside)])
    found = {name: shutil.which(name, path=path) for name in programs}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        raise FileNotFoundError(f"not installed here: {', '.join(missing)}")
    return [str(place) for place in found.values()]


@contextmanager
def running(
    command: Sequence[object], log: Path, answers: Callable[[], bool], **options: object
) -> Iterator[subprocess.Popen]:
    """Runs a server until the end of the block, from when it answers."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            list(map(str, command)), stdout=stream, stderr=stream, start_new_session=True, **options
        )
    try:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text(errors="replace"))
            time.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def port_answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens at a port."""
    with closing(socket.socket()) as client:
        client.settimeout(1)
        return client.connect_ex((host, port)) == 0


@contextmanager
def mariadb() -> Iterator[Database]:
    """A server of MariaDB with one database."""
    install, server, client = needed("mariadb-install-db", "mariadbd", "mariadb")
    database = Database(free_port())
    with _folder_of("mysql") as (folder, user):
        own = ["--no-defaults", f"--datadir={folder}/data", *([f"--user={user}"] if user else [])]
        root = "--auth-root-authentication-method=normal"
        subprocess.run([install, *own, "--skip-test-db", root], check=True, capture_output=True)
        command = [server, *own, "--bind-address=127.0.0.1", f"--port={database.port}"]
        command += [f"--socket={folder}/s", "--skip-log-bin"]
        with running(command, folder / "log", lambda: port_answers(database.port)):
            subprocess.run(
                [client, "--no-defaults", "-uroot", f"--socket={folder}/s"],
                input=f"""
                    create database {database.name};
                    create user {database.user} identified by '{_in_mysql(database.password)}';
                    grant all on {database.name}.* to {database.user};
                """,
                check=True,
                text=True,
            )
            yield database


def _in_mysql(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


@contextmanager
def postgresql() -> Iterator[Database]:
    """A server of PostgreSQL with one database, whose user needs a password."""
    install, server = needed("initdb", "postgres")
    database = Database(free_port())
    with _folder_of("postgres") as (folder, user):
        secret = folder / "password"
        secret.write_text(database.password)
        secret.chmod(0o644)
        options = {"user": user} if user else {}
        subprocess.run(
            [
                *(install, "-D", folder / "data", "-U", database.user, "-A", "scram-sha-256"),
                *(f"--pwfile={secret}", "-E", "UTF8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            **options,
        )
        command = [server, "-D", folder / "data", "-h", "127.0.0.1", "-p", database.port]
        command += ["-k", folder, "-F"]
        with running(command, folder / "log", lambda: port_answers(database.port), **options):
            yield Database(database.port, name="postgres")


@contextmanager
def seaweedfs(key_id: str, secret: str) -> Iterator[str]:
    """An S3 server, SeaweedFS; its URL. It lets in who has the key, and nobody else."""
    if not WEED.exists():
        raise FileNotFoundError(f"{WEED} is missing: make test-engines builds it")
    with _folder_of("") as (folder, _):
        names = ("master", "volume", "filer", "s3")
        ports = {f"{name}.port{kind}": free_port() for name in names for kind in ("", ".grpc")}
        ports |= {"admin.port": free_port(), "admin.port.legacy": 0}
        # As it is started for a team; of an option that is given twice, the last one counts.
        command = [WEED, *_COMPOSE["services"]["store"]["command"], f"-dir={folder}"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        keys = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
        options = {"env": os.environ | keys, "cwd": folder}
        url = f"http://127.0.0.1:{ports['s3.port']}"
        with running(command, folder / "log", lambda: _stores(url, key_id, secret), **options):
            yield url


def _stores(url: str, key_id: str, secret: str) -> bool:
    """Whether an object can be put there: its parts start one after the other."""
    files = s3fs.S3FileSystem(
        key=key_id, secret=secret, endpoint_url=url, skip_instance_cache=True, anon=False
    )
    try:
        if not files.exists("probe"):
            files.mkdir("probe")
        files.pipe_file("probe/probe", b"probe")
    except OSError:
        return False
    return True


@contextmanager
def _folder_of(user: str) -> Iterator[tuple[Path, str]]:
    """A folder for a server, and the user that it must run as; empty: the one that we are.

    Databases refuse to run as root.
    """
    with tempfile.TemporaryDirectory() as name:
        if not user or os.geteuid() != 0:
            yield Path(name), ""
            return
        shutil.chown(name, user)
        yield Path(name), user
