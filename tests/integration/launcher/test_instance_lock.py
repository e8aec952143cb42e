"""One instance at a time has a data folder, for as long as any of its processes runs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from portal_cli.instance import lock_holder
from portal_local.launcher import instance_lock
from portal_local.launcher.instance_lock import InstanceLock
from portal_local.launcher.layout import Layout, read_instance, write_instance
from portal_local.launcher.ports import NotStarted, free_port
from portal_local.launcher.supervisor import Supervisor

FACTS = {"pid": os.getpid(), "url": "http://localhost:8000"}
SLEEP = [sys.executable, "-c", "print(flush=True); import time; time.sleep(600)"]


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_lock, "RETRY_SECONDS", 0.0)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_a_second_instance_is_refused_with_what_runs_and_how_to_end_it(layout: Layout) -> None:
    first = InstanceLock(layout.lock_file)
    first.acquire(FACTS)
    with pytest.raises(NotStarted) as refusal:
        InstanceLock(layout.lock_file).acquire(FACTS)
    for words in (FACTS["url"], f"process {os.getpid()}", f"portal down --data {layout.root}"):
        assert str(words) in str(refusal.value)
    first.release()
    InstanceLock(layout.lock_file).acquire(FACTS)


def test_a_refused_start_leaves_the_running_instance_as_it_is(layout: Layout) -> None:
    """A second `portal up` removed instance.json, so that a third started a second broker."""
    running_instance = InstanceLock(layout.lock_file)
    running_instance.acquire(FACTS)
    write_instance(layout, {"pid": 1})
    for _ in range(2):
        second = Supervisor(layout, port=free_port(), print_line=lambda _: None)
        with pytest.raises(NotStarted, match="already runs"):
            second.start(empty=True)
        second.stop()
        assert read_instance(layout) == {"pid": 1}


def test_a_process_of_a_killed_launcher_keeps_the_lock(layout: Layout) -> None:
    lock = InstanceLock(layout.lock_file)
    lock.acquire({**FACTS, "pid": 2**22 + 1})  # no process has this number
    left = subprocess.Popen(SLEEP, pass_fds=lock.inherited, stdout=subprocess.PIPE)
    assert left.stdout
    left.stdout.readline()
    lock.release()
    try:
        with pytest.raises(NotStarted, match=r"was killed still run .* portal down"):
            InstanceLock(layout.lock_file).acquire(FACTS)
        assert lock_holder.is_locked(layout.root)
        assert lock_holder.launcher_pid(layout.root) is None
    finally:
        left.kill()
        left.communicate()
    assert not lock_holder.is_locked(layout.root)
    InstanceLock(layout.lock_file).acquire(FACTS)


def test_the_facts_of_a_lock_may_be_anything(layout: Layout) -> None:
    lock = InstanceLock(layout.lock_file)
    lock.acquire(FACTS)
    for content in ("", "[]", "{}", '{"pid": "x", "url": 1}', '{"pid": -1}'):
        layout.lock_file.write_text(content, "utf-8")
        with pytest.raises(NotStarted, match="portal down"):
            InstanceLock(layout.lock_file).acquire(FACTS)


def test_the_command_sends_no_signal_to_a_process_that_is_not_the_launcher(tmp_path: Path) -> None:
    other = subprocess.Popen(SLEEP)
    (tmp_path / "instance.lock").write_text(json.dumps({"pid": other.pid}), "utf-8")
    assert lock_holder.launcher_pid(tmp_path) is None
    other.kill()
    other.wait()


def test_only_processes_that_hold_the_lock_are_orphans(layout: Layout) -> None:
    """The number of a process that has ended may be that of another program by now."""
    lock = InstanceLock(layout.lock_file)
    lock.acquire(FACTS)
    with (
        subprocess.Popen(SLEEP, pass_fds=lock.inherited, stdout=subprocess.PIPE) as ours,
        subprocess.Popen(SLEEP, stdout=subprocess.PIPE) as other,
    ):
        lock.release()
        pids = {"doi": {"pid": ours.pid}, "indexer": {"pid": other.pid}, "gone": {"pid": 2**22 + 1}}
        found = lock_holder.orphans(layout.root, {"services": pids, "servers": {}})
        ours.kill()
        other.kill()
    assert found == [ours.pid]


def test_a_signal_goes_to_the_whole_group_of_a_process(tmp_path: Path) -> None:
    script = f"import subprocess, sys; subprocess.run({SLEEP!r})"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as leader:
        assert leader.stdout
        leader.stdout.readline()  # the child runs
        lock_holder.send_signal(leader.pid, signal.SIGKILL)
        assert leader.stdout.read() == b""  # closed by both
    lock_holder.send_signal(leader.pid)  # nobody is there
