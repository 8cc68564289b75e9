"""The watcher with real files: after any change it calls, it calls seldom, and it leaves nothing behind."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from modelarts_emulator.obs.walk import walk
from modelarts_emulator.system import features
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.watch import inotify, inotify_calls
from modelarts_emulator.watch import registry as registry_module
from modelarts_emulator.watch import watcher as watcher_module
from modelarts_emulator.watch.inotify_calls import Inotify, KernelEvent
from modelarts_emulator.watch.registry import WatchMode
from modelarts_emulator.watch.watcher import CompareLater, Watcher
from tests.helpers.abilities import needs_inotify, needs_leases

DEADLINE_S = 20.0


class Mirror:
    """A client of the watcher that keeps what it saw: at each call it reads the whole folder, as a reconcile does."""

    def __init__(self, folder: Path, **options) -> None:
        self.folder = folder
        self.seen: dict[str, tuple[int, int]] = {}
        self.calls = 0
        self.times: list[float] = []
        self.condition = threading.Condition()
        self.watcher = Watcher(self.look, poll_interval_s=0.05, **options)

    def look(self, key: str, paths: Collection[str] | None) -> None:
        at = time.perf_counter()
        seen = {
            entry.path: (entry.size, entry.mtime_ns)
            for entry in walk(str(self.folder), "", within=str(self.folder))
            if not is_being_written(entry.local)
        }
        with self.condition:
            self.seen, self.calls = seen, self.calls + 1
            self.times.append(at)
            self.condition.notify_all()

    def names(self) -> set[str]:
        return set(self.seen)

    def settled(self) -> int:
        """Wait until nothing is pending; the calls so far."""
        assert self.watcher.wait_idle(DEADLINE_S)
        return self.calls

    def expect(self, *names: str) -> None:
        """Wait until exactly these names have been seen, without asking for it."""
        self.until(lambda: self.names() == set(names))

    def until(self, reached: Callable[[], bool]) -> None:
        with self.condition:
            assert self.condition.wait_for(reached, DEADLINE_S), (sorted(self.seen)[:20], self.calls)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


@pytest.fixture(params=["inotify", "polling"])
def mirror(folder: Path, request: pytest.FixtureRequest) -> Iterator[Mirror]:
    if request.param == "inotify" and not features.HAS_INOTIFY:
        pytest.skip("the system has no inotify")
    yield from running(Mirror(folder, mode=WatchMode.POLL if request.param == "polling" else WatchMode.AUTO))


@pytest.fixture
def listening(folder: Path) -> Iterator[Mirror]:
    if not features.HAS_INOTIFY:
        pytest.skip("the system has no inotify")
    yield from running(Mirror(folder))


def running(mirror: Mirror) -> Iterator[Mirror]:
    before = set(threading.enumerate())
    mirror.watcher.start()
    mirror.watcher.watch("key", [mirror.folder])
    mirror.settled()
    yield mirror
    mirror.watcher.stop()
    assert mirror.watcher.mode == "off"
    assert set(threading.enumerate()) <= before


# Every kind of change


def test_watcher_create_overwrite_rename_and_delete_are_reported(mirror: Mirror) -> None:
    path = mirror.folder / "a.jpg"
    path.write_bytes(b"1")
    mirror.expect("a.jpg")
    path.write_bytes(b"22")
    mirror.until(lambda: mirror.seen["a.jpg"][0] == 2)
    path.rename(mirror.folder / "b.jpg")
    mirror.expect("b.jpg")
    (mirror.folder / "b.jpg").unlink()
    mirror.expect()


def test_watcher_move_in_and_out_are_reported(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"1")
    (tmp_path / "a.jpg").rename(mirror.folder / "a.jpg")
    mirror.expect("a.jpg")
    (mirror.folder / "a.jpg").rename(tmp_path / "b.jpg")
    mirror.expect()


def test_watcher_move_over_a_file_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    (mirror.folder / "a.jpg").write_bytes(b"1")
    mirror.expect("a.jpg")
    (tmp_path / "new").write_bytes(b"22")
    (tmp_path / "new").replace(mirror.folder / "a.jpg")
    mirror.until(lambda: mirror.seen["a.jpg"][0] == 2)


def test_watcher_new_links_are_reported(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"1")
    os.link(tmp_path / "a.jpg", mirror.folder / "hard.jpg")
    mirror.expect("hard.jpg")
    (mirror.folder / "soft.jpg").symlink_to("hard.jpg")
    mirror.expect("hard.jpg", "soft.jpg")


@needs_leases
@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files have names here")
@pytest.mark.parametrize("named_first", [True, False])
def test_watcher_unnamed_file_that_gets_a_name_is_reported(mirror: Mirror, tmp_path: Path, named_first: bool) -> None:
    """Written without a name, and closed before or after it has got one."""
    writer = os.open(mirror.folder, os.O_WRONLY | os.O_TMPFILE, 0o666)
    os.write(writer, b"1")
    reader = os.open(f"/proc/self/fd/{writer}", os.O_RDONLY)
    if not named_first:
        os.close(writer)
    inside = os.open(mirror.folder, os.O_RDONLY)
    os.link(f"/proc/self/fd/{reader}", "late.jpg", dst_dir_fd=inside, follow_symlinks=True)
    os.close(inside)
    if named_first:
        (mirror.folder / "other.jpg").write_bytes(b"1")
        mirror.expect("other.jpg")  # so the late one's name has been told before
        (mirror.folder / "other.jpg").unlink()
        mirror.expect()
        os.close(writer)
    os.close(reader)
    mirror.expect("late.jpg")


@needs_leases
def test_watcher_file_with_a_future_time_does_not_hide_later_writes(mirror: Mirror) -> None:
    (mirror.folder / "future.jpg").write_bytes(b"1")
    ahead = time.time() + 10 * 365 * 24 * 3600
    os.utime(mirror.folder / "future.jpg", (ahead, ahead))
    mirror.expect("future.jpg")
    with (mirror.folder / "now.jpg").open("wb") as file:
        file.write(b"1")
        file.flush()
        (mirror.folder / "other.jpg").write_bytes(b"1")
        mirror.expect("future.jpg", "other.jpg")
    mirror.expect("future.jpg", "now.jpg", "other.jpg")  # closing it changes neither its size nor its time


def test_watcher_files_in_new_folders_are_reported(mirror: Mirror) -> None:
    for number in range(20):
        deep = mirror.folder / f"{number}" / "deep" / "er"
        deep.mkdir(parents=True)
        (deep / "a.jpg").write_bytes(b"1")
    mirror.until(lambda: len(mirror.seen) == 20)
    (mirror.folder / "7" / "deep" / "er" / "late.jpg").write_bytes(b"1")
    mirror.until(lambda: len(mirror.seen) == 21)


def test_watcher_moved_renamed_and_deleted_folders_are_reported(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "new" / "sub").mkdir(parents=True)
    (tmp_path / "new" / "sub" / "a.jpg").write_bytes(b"1")
    (tmp_path / "new").rename(mirror.folder / "in")
    mirror.expect("in/sub/a.jpg")
    (mirror.folder / "in" / "sub" / "b.jpg").write_bytes(b"1")
    mirror.expect("in/sub/a.jpg", "in/sub/b.jpg")
    (mirror.folder / "in").rename(mirror.folder / "renamed")
    mirror.expect("renamed/sub/a.jpg", "renamed/sub/b.jpg")
    (mirror.folder / "renamed" / "sub" / "c.jpg").write_bytes(b"1")
    mirror.until(lambda: len(mirror.seen) == 3)
    (mirror.folder / "renamed").rename(tmp_path / "out")
    mirror.expect()
    (tmp_path / "out").rename(mirror.folder / "back")
    mirror.until(lambda: len(mirror.seen) == 3)
    shutil.rmtree(mirror.folder / "back")
    mirror.expect()


def test_watcher_recreated_folder_is_watched_again(mirror: Mirror) -> None:
    for attempt in range(3):
        (mirror.folder / f"{attempt}.jpg").write_bytes(b"1")
        mirror.expect(f"{attempt}.jpg")
        shutil.rmtree(mirror.folder)
        mirror.expect()
        mirror.folder.mkdir()


def test_watcher_replaced_folder_is_watched_again(mirror: Mirror, tmp_path: Path) -> None:
    (mirror.folder / "old.jpg").write_bytes(b"1")
    mirror.expect("old.jpg")
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "new.jpg").write_bytes(b"1")
    mirror.folder.rename(tmp_path / "previous")
    (tmp_path / "next").rename(mirror.folder)
    mirror.expect("new.jpg")
    (mirror.folder / "newer.jpg").write_bytes(b"1")
    mirror.expect("new.jpg", "newer.jpg")


def test_watcher_parent_moved_away_and_back_is_watched_again(tmp_path: Path) -> None:
    above = tmp_path / "above"
    (above / "watched").mkdir(parents=True)
    for mirror in running(Mirror(above / "watched")):
        (above / "watched" / "a.jpg").write_bytes(b"1")
        mirror.expect("a.jpg")
        above.rename(tmp_path / "away")
        mirror.expect()
        (tmp_path / "away").rename(above)
        mirror.expect("a.jpg")
        (above / "watched" / "b.jpg").write_bytes(b"1")
        mirror.expect("a.jpg", "b.jpg")


def test_watcher_folder_created_later_is_watched(tmp_path: Path) -> None:
    for mirror in running(Mirror(tmp_path / "later")):
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "a.jpg").write_bytes(b"1")
        mirror.expect("a.jpg")
        (tmp_path / "later" / "b.jpg").write_bytes(b"1")
        mirror.expect("a.jpg", "b.jpg")


def test_watcher_folders_created_later_are_watched_when_checks_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "_CHECKED_AT_ONCE", 1)
    called, condition = set(), threading.Condition()

    def on_change(key: str, paths: Collection[str] | None) -> None:
        with condition:
            called.add(key)
            condition.notify_all()

    watcher = Watcher(on_change, poll_interval_s=0.02)
    watcher.start()
    try:
        for key in "abcde":
            watcher.watch(key, [tmp_path / key])
        assert watcher.wait_idle(DEADLINE_S)
        called.clear()
        for key in "abcde":
            (tmp_path / key).mkdir()
        with condition:
            assert condition.wait_for(lambda: called == set("abcde"), DEADLINE_S), called
    finally:
        watcher.stop()


def test_registry_looks_only_at_the_folders_of_changed_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    identity = registry_module._identity
    monkeypatch.setattr(registry_module, "_identity", lambda folder: looked_at.append(folder) or identity(folder))
    watcher = Watcher(lambda key, paths: None, poll_interval_s=3600)
    watcher.start()
    try:
        for key in "abc":
            (tmp_path / key).mkdir()
            watcher.watch(key, [tmp_path / key])
            assert watcher.wait_idle(DEADLINE_S)
        looked_at.clear()
        watcher.unwatch("b")
        watcher.watch("a", [tmp_path / "c"])
        assert watcher.wait_idle(DEADLINE_S)
        assert set(looked_at) == {str(tmp_path / "c")}
    finally:
        watcher.stop()


# Not too soon, not too often


@needs_leases
def test_watcher_file_being_written_is_reported_when_closed(mirror: Mirror) -> None:
    with (mirror.folder / "slow.jpg").open("wb") as file:
        file.write(b"half")
        file.flush()
        (mirror.folder / "other.jpg").write_bytes(b"1")
        mirror.expect("other.jpg")
    mirror.expect("other.jpg", "slow.jpg")


def test_watcher_file_opened_for_writing_is_not_reported(listening: Mirror) -> None:
    calls = listening.settled()
    with (listening.folder / "slow.jpg").open("wb") as file:
        file.write(b"half")
        file.flush()
        # A change elsewhere that is ignored, and one that is not: events come in order.
        (listening.folder / ".~hidden").write_bytes(b"1")
        (listening.folder / "a.jpg.part").write_bytes(b"1")
        assert listening.settled() == calls
        (listening.folder / "sub").mkdir()
        listening.until(lambda: listening.calls == calls + 1)
    listening.expect("slow.jpg")
    assert listening.settled() == calls + 2


def test_watcher_burst_ends_complete_with_few_calls(listening: Mirror) -> None:
    before = listening.settled()
    for number in range(3_000):
        (listening.folder / f"{number}.jpg").write_bytes(b"1")
    listening.until(lambda: len(listening.seen) == 3_000)
    assert listening.settled() - before < 30


def test_watcher_dropped_events_are_made_up_for_by_a_scan(listening: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    read, dropped = Inotify.read, threading.Event()

    def drop(inotify: Inotify) -> list[KernelEvent]:
        found = read(inotify)
        if not found or dropped.is_set():
            return found
        dropped.set()
        return [KernelEvent(-1, inotify_calls.OVERFLOW, "")]

    (listening.folder / "sub").mkdir()
    listening.settled()
    monkeypatch.setattr(Inotify, "read", drop)
    (listening.folder / "wake").mkdir()  # the thread is in the unchanged method until this event
    (listening.folder / "sub/a.jpg").write_bytes(b"1")
    listening.expect("sub/a.jpg")


def test_watcher_files_created_just_before_a_rename_are_reported(listening: Mirror) -> None:
    """By the time watchdog reads that a folder was made, it lies elsewhere: it is watched all the same."""
    (listening.folder / "one").mkdir()
    (listening.folder / "one/a.jpg").write_bytes(b"1")
    listening.expect("one/a.jpg")
    listening.settled()
    system = ctypes.PyDLL(None)  # calls without giving up the interpreter: nobody reads an event between these two
    assert system.mkdir(os.fsencode(listening.folder / "one/inner"), 0o777) == 0
    assert system.rename(os.fsencode(listening.folder / "one"), os.fsencode(listening.folder / "two")) == 0
    listening.expect("two/a.jpg")
    listening.settled()
    (listening.folder / "two/inner/b.jpg").write_bytes(b"1")
    listening.expect("two/a.jpg", "two/inner/b.jpg")


def test_watcher_start_with_many_keys_chooses_each_call_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    due, chosen = Watcher._due, []
    monkeypatch.setattr(Watcher, "_due", lambda watcher, key: chosen.append(key) or due(watcher, key))
    called: list[str] = []
    watcher = Watcher(lambda key, _: called.append(key))
    for number in range(300):
        watcher.watch(f"{number}", [folder])
    watcher.start()
    assert watcher.wait_idle(DEADLINE_S)
    watcher.stop()
    assert sorted(set(called)) == sorted(f"{number}" for number in range(300))
    assert len(chosen) < 10 * len(called)


def test_watcher_changes_during_a_call_cause_one_more_call(tmp_path: Path) -> None:
    entered, leave, calls = threading.Event(), threading.Event(), []

    def slow(key: str, paths: object) -> None:
        calls.append(key)
        entered.set()
        assert leave.wait(DEADLINE_S)

    watcher = Watcher(slow)
    watcher.start()
    watcher.watch("key", [tmp_path])
    assert entered.wait(DEADLINE_S)
    for _ in range(100):
        watcher.touch("key")
    assert watcher.pending == 2
    assert not watcher.wait_idle(0.01)
    leave.set()
    assert watcher.wait_idle(DEADLINE_S)
    assert (calls, watcher.pending) == (["key", "key"], 0)
    watcher.stop()


def test_watcher_closed_file_is_reported_soon(listening: Mirror) -> None:
    delays = []
    for number in range(20):
        calls = listening.settled()
        (listening.folder / f"{number}.jpg").write_bytes(b"1")
        closed = time.perf_counter()
        listening.until(lambda calls=calls: listening.calls > calls)
        delays.append(listening.times[-1] - closed)
    assert sorted(delays)[10] < 0.06


# Keys


def test_watcher_keys_with_shared_folders_are_called_separately(tmp_path: Path) -> None:
    for name in ("one", "two/inner"):
        (tmp_path / name).mkdir(parents=True)
    calls: list[str] = []
    watcher = Watcher(lambda key, paths: calls.append(key))
    watcher.start()
    watcher.watch("one", [tmp_path / "one"])
    watcher.watch("both", [tmp_path / "one", tmp_path / "two"])
    watcher.watch("inner", [tmp_path / "two" / "inner"])

    def told_after(change: Callable[[], object]) -> set[str]:
        assert watcher.wait_idle(DEADLINE_S)
        calls.clear()
        change()
        deadline = time.monotonic() + DEADLINE_S
        while not calls and time.monotonic() < deadline:
            watcher.wait_idle(0.01)
        assert watcher.wait_idle(DEADLINE_S)
        return set(calls)

    assert told_after((tmp_path / "one" / "a").touch) == {"one", "both"}
    assert told_after((tmp_path / "two" / "a").touch) == {"both"}
    assert told_after((tmp_path / "two" / "inner" / "a").touch) == {"both", "inner"}
    watcher.unwatch("both")
    assert told_after((tmp_path / "one" / "b").touch) == {"one"}
    watcher.watch("one", [tmp_path / "two"])
    assert told_after((tmp_path / "two" / "b").touch) == {"one"}
    assert told_after(lambda: watcher.touch("inner")) == {"inner"}
    watcher.touch("unknown")
    assert watcher.pending == 0
    watcher.stop()


def test_flush_reports_existing_files(mirror: Mirror) -> None:
    for number in range(50):
        (mirror.folder / f"{number}.jpg").write_bytes(b"1")
        if number % 10 == 0:
            assert mirror.watcher.flush(DEADLINE_S)
            assert len(mirror.seen) == number + 1


def test_watcher_raising_callback_is_logged_and_called_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[object] = []

    def failing(key: str, paths: object) -> None:
        calls.append(paths)
        if len(calls) == 2:
            raise ValueError("broken once")

    watcher = Watcher(failing)
    watcher.start()
    watcher.watch("key", [tmp_path])
    assert watcher.wait_idle(DEADLINE_S)
    first = len(calls)
    for _ in range(3):
        watcher.record("key", ["/a"])
        assert watcher.wait_idle(DEADLINE_S)
    watcher.stop()
    assert calls[first:][-3:] == ([{"/a"}, None, {"/a"}] if first == 1 else [None, {"/a"}, {"/a"}])
    assert "broken once" in caplog.text


def test_watcher_callback_receives_the_changed_paths(listening: Mirror, tmp_path: Path) -> None:
    told: list[Collection[str] | None] = []
    look = listening.look

    def record(key: str, paths: Collection[str] | None) -> None:
        told.append(paths)
        look(key, paths)

    listening.watcher._on_change = record
    folder = listening.folder
    (folder / "a.jpg").write_bytes(b"1")
    listening.expect("a.jpg")
    (folder / "a.jpg").rename(folder / "b.jpg")
    listening.expect("b.jpg")
    (folder / "b.jpg").unlink()
    listening.expect()
    listening.settled()
    assert None not in told
    assert {path for paths in told for path in paths or ()} == {str(folder / "a.jpg"), str(folder / "b.jpg")}
    with listening.watcher._condition:  # no call takes a part of them
        for number in range(watcher_module.MAX_PATHS * 2):
            listening.watcher.record("key", [f"{number}"])
    listening.settled()
    assert told[-1] is None


# Beginning and end


def test_watcher_is_off_before_start_and_after_stop(folder: Path) -> None:
    mirror = Mirror(folder)
    assert (mirror.watcher.mode, mirror.watcher.pending) == ("off", 0)
    mirror.watcher.stop()
    mirror.watcher.watch("key", [folder])
    assert mirror.watcher.wait_idle(0)
    for _ in range(2):
        (folder / f"{mirror.calls}.jpg").write_bytes(b"1")
        mirror.watcher.start()
        mirror.watcher.start()
        mirror.settled()
        assert len(mirror.seen) == len(list(folder.iterdir()))
        mirror.watcher.stop()
        mirror.watcher.stop()
        assert mirror.watcher.mode == "off"


def test_stop_within_a_call_ends_the_watcher(tmp_path: Path) -> None:
    watcher = Watcher(lambda key, paths: watcher.stop())
    watcher.start()
    watcher.watch("key", [tmp_path])
    deadline = time.monotonic() + DEADLINE_S
    while watcher.mode != "off" and time.monotonic() < deadline:
        watcher.wait_idle(0.01)
    assert watcher.mode == "off"


# Without inotify


@needs_inotify
def test_watcher_without_events_polls_and_logs_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(inotify.InotifySource, "__init__", refuse)
    with caplog.at_level(logging.WARNING, "modelarts_emulator"):
        for mirror in running(Mirror(folder)):
            assert mirror.watcher.mode == "polling"
            (folder / "a.jpg").write_bytes(b"1")
            mirror.expect("a.jpg")
    assert len(caplog.records) == 1
    assert "fs.inotify.max_user_watches" in caplog.text


def test_watcher_without_watches_left_continues_polling(
    listening: Mirror, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert listening.watcher.mode == "inotify"

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with caplog.at_level(logging.WARNING, "modelarts_emulator"):
        monkeypatch.setattr(Inotify, "add", refuse)
        (listening.folder / "sub").mkdir()
        deadline = time.monotonic() + DEADLINE_S
        while listening.watcher.mode != "polling" and time.monotonic() < deadline:
            listening.watcher.wait_idle(0.01)
        (listening.folder / "sub" / "a.jpg").write_bytes(b"1")
        listening.expect("sub/a.jpg")
    assert listening.watcher.mode == "polling"
    assert "max_user_watches" in caplog.text


@pytest.mark.parametrize("name", ["watch-inotify", "watch-events"])
def test_watcher_whose_event_thread_has_ended_continues_polling(
    listening: Mirror, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (thread,) = [each for each in threading.enumerate() if each.name == name]
    thread.stop()  # type: ignore[attr-defined]
    thread.join(DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S
    while listening.watcher.mode != "polling" and time.monotonic() < deadline:
        listening.watcher.wait_idle(0.01)
    (listening.folder / "a.jpg").write_bytes(b"1")
    listening.expect("a.jpg")
    assert (listening.watcher.mode, "has ended" in caplog.text) == ("polling", True)


def test_watcher_callback_that_cannot_compare_now_is_called_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "_RETRY_S", 0.01)
    calls: list[Collection[str] | None] = []

    def refuse_twice(key: str, paths: Collection[str] | None) -> None:
        calls.append(paths)
        if len(calls) < 3:
            raise CompareLater("no descriptor is left")

    watcher = Watcher(refuse_twice)
    watcher.start()
    watcher.watch("key", [folder])
    assert watcher.wait_idle(DEADLINE_S)
    watcher.stop()
    assert calls[:3] == [None, None, None]
