"""Starts run_local.py again and again without loading TFX again: a process that forks.

Each line on standard input is JSON: `arguments` of run_local.py; `output`, the file that gets all
it prints; and `kill_at`, null or [node, message]: the process kills itself at that message of TFX's
log in that node. Each answer is a line: first the process id, then, when it ended, its return code
as subprocess has it.
"""

import json
import logging
import os
import signal
import sys
import traceback

from pipeline import local_runner, run_local  # noqa: F401 - the runner is loaded for the forks
from pipeline.node_log import RUNNING


class KillAt(logging.Handler):
    """Kills this very process at a message that TFX logs while a node runs."""

    def __init__(self, node: str, message: str):
        super().__init__(logging.INFO)
        self._node = node
        self._message = message
        self._running = None

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logger for each record of TFX."""
        if record.msg == RUNNING:
            self._running = record.args[0]
        if self._running == self._node and record.msg == self._message:
            os.kill(os.getpid(), signal.SIGKILL)


def run(arguments: list[str], output: str, kill_at: list[str] | None) -> None:
    """Becomes run_local.py."""
    with open(output, "wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    if kill_at:
        logging.getLogger("absl").addHandler(KillAt(*kill_at))
    try:
        run_local.app(arguments)
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main() -> None:
    """Serves until standard input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(**request)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
