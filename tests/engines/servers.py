"""Servers of databases, each in a process and a folder of its own, on a free port of this machine."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SECONDS_TO_START = 120


@dataclass(frozen=True)
class Database:
    """A database that is empty at first.

    Attributes:
      port: of its server.
      name: of the database.
      user: who may do everything in it.
      password: of the user.
    """

    port: int
    name: str = "of_the_test"
    user: str = "runner"
    # What a URI, a shell, SQL and protobuf's text each print in another way.
    password: str = 'vErySecret"of%40the\\Test'


def free_port() -> int:
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


def port_answers(port: int) -> bool:
    with closing(socket.socket()) as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def mariadb(folder: Path) -> Iterator[Database]:
    """A server of MariaDB with one database."""
    install, server, client = needed("mariadb-install-db", "mariadbd", "mariadb")
    database, own = Database(free_port()), _owned_by("mysql", folder)
    subprocess.run(
        [install, "--no-defaults", f"--datadir={folder}/data", "--skip-test-db", *own]
        + ["--auth-root-authentication-method=normal"],
        check=True,
        capture_output=True,
    )
    # The path of a socket must be short.
    command = [server, "--no-defaults", f"--datadir={folder}/data", *own, "--bind-address=127.0.0.1"]
    command += [f"--port={database.port}", f"--socket={folder}/s", "--skip-log-bin"]
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


def _owned_by(user: str, folder: Path) -> list[str]:
    """Servers of databases refuse to run as root, and then need a folder of their own user."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, user)
    for above in folder.parents:
        if above.stat().st_uid == 0 and above.stat().st_mode & 0o055 != 0o055 and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o055)
    return [f"--user={pwd.getpwnam(user).pw_name}"]
