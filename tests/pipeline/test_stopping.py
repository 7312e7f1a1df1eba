"""Stopping a process early: what it says, how it exits, and what becomes of its children."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests import ROOT

# Says so when it waits; the parent's signal comes then.
SCRIPT = """
import subprocess, sys, threading, time
from pipeline.stopping import Stopped, end_now, stopping_on_signals
threading.Thread(target=time.sleep, args=(600,)).start()  # nobody waits for it
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
try:
    with stopping_on_signals():
        print(child.pid, flush=True)
        time.sleep(600)
except Stopped as stop:
    print(stop)
    end_now(stop.exit_code)
print("went on")
"""


# What a shell starts in the background ignores interrupts, and so would its children.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def start(script, **options):
    return subprocess.Popen(
        [sys.executable, "-c", HEARING + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **options,
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_one_message_and_its_exit_code_and_no_child_is_left(number, code):
    with start(SCRIPT) as process:
        child = int(process.stdout.readline())
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert output == f"stopped by {number.name}; what is finished is kept for the next run\n"
    assert errors == ""
    assert not psutil.pid_exists(child)


def test_a_signal_that_is_ignored_stays_so():
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + SCRIPT
    with start(ignoring) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_second_signal_ends_what_does_not_let_itself_be_stopped():
    deaf = """
import time
from pipeline.stopping import stopping_on_signals
with stopping_on_signals():
    while True:
        try:
            print("waiting", flush=True)
            time.sleep(600)
        except BaseException:
            pass
"""
    with start(deaf) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_handlers_are_put_back():
    code = """
import signal
from pipeline.stopping import stopping_on_signals
former = signal.getsignal(signal.SIGINT)
with stopping_on_signals():
    assert signal.getsignal(signal.SIGINT) != former
assert signal.getsignal(signal.SIGINT) == former
"""
    with start(code) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (os.EX_OK, "")
