# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses
import errno
import fcntl
import json
import multiprocessing
import os
import resource
import signal
import time

import pytest

from percast.engines.runtimes.plan_cache import Key, PlanCache
from percast.errors import FileError

KEY = Key("ab" * 32, "runtime", "1.2.3", "sm86", "fp16", 1)
PLAN = b"a plan " * 1000


def never():
    raise AssertionError("the cached plan should have been used")


@pytest.fixture
def cache(tmp_path) -> PlanCache:
    return PlanCache(tmp_path / "engines")


def names(cache: PlanCache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir())


def in_a_process(function, *arguments) -> int:
    """The exit code of a function in a process of its own; minus the signal that ended it."""
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    process.join(30)
    return process.exitcode


def test_a_plan_is_built_once_and_then_found(cache):
    built = cache.obtain(KEY, lambda: PLAN, {"network": "encoder"})
    assert built.fresh and built.data == PLAN and not built.problem
    found = cache.obtain(KEY, never, {})
    assert found.data == PLAN and not found.fresh and found.details == {"network": "encoder"}


def test_the_manifest_lies_beside_the_plan_and_says_what_it_is(cache):
    cache.obtain(KEY, lambda: PLAN, {"network": "encoder"})
    (entry,) = cache.entries()
    assert entry.path.read_bytes() == PLAN  # nothing before it
    manifest = json.loads(entry.path.with_suffix(".json").read_text())
    assert dataclasses.asdict(KEY).items() <= manifest.items()
    assert manifest["bytes"] == len(PLAN) and manifest["created"] and manifest["build_seconds"] >= 0


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Key)])
def test_whatever_differs_is_another_plan(cache, field):
    cache.obtain(KEY, lambda: PLAN, {})
    other = dataclasses.replace(KEY, **{field: 2 if field == "recipe" else "other"})
    assert cache.obtain(other, lambda: b"another", {}).data == b"another"
    assert cache.obtain(KEY, never, {}).data == PLAN


def test_a_plan_that_does_not_fit_is_built_again(cache):
    cache.obtain(KEY, lambda: PLAN, {"size": 1})
    wanted = {"size": 2}
    assert cache.obtain(KEY, lambda: b"two", wanted, lambda found: found.details == wanted).fresh
    assert not cache.obtain(KEY, never, wanted, lambda found: found.details == wanted).fresh


DAMAGES = ["flip", "cut", "empty", "gone", "manifest", "half", "format", "version", "details"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_is_built_again_and_said_so(cache, caplog, damage):
    cache.obtain(KEY, lambda: PLAN, {})
    (entry,) = cache.entries()
    manifest = entry.path.with_suffix(".json")
    if damage == "flip":
        entry.path.write_bytes(PLAN[:50] + b"!" + PLAN[51:])
    elif damage in ("cut", "empty"):
        entry.path.write_bytes(PLAN[:50] if damage == "cut" else b"")
    elif damage == "gone":
        entry.path.unlink()
    elif damage == "manifest":
        manifest.unlink()
    elif damage == "half":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {damage: 99}))
    again = cache.obtain(KEY, lambda: PLAN, {})
    assert again.fresh and again.data == PLAN
    assert "is not used" in caplog.text
    assert not cache.obtain(KEY, never, {}).fresh


def test_a_listing_tells_what_is_wrong(cache):
    for i, damage in enumerate((None, "plan", "manifest", "version")):
        key = dataclasses.replace(KEY, target=f"sm8{i}")
        cache.obtain(key, lambda: PLAN, {})
        path = cache.folder / f"{key.stem}.plan"
        if damage == "plan":
            path.write_bytes(b"?")
        elif damage == "manifest":
            path.with_suffix(".json").write_text("{")
        elif damage == "version":
            manifest = json.loads(path.with_suffix(".json").read_text())
            del manifest["version"]
            path.with_suffix(".json").write_text(json.dumps(manifest))
    assert [bool(entry.problem) for entry in cache.entries()] == [False, True, True, True]


def die_while_writing(folder, at: str):
    def replace(source, target):
        if str(target).endswith(at):
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    rename, os.replace = os.replace, replace
    PlanCache(folder).obtain(KEY, lambda: PLAN, {})


@pytest.mark.parametrize("at", [".plan", ".json"])
def test_one_that_was_killed_while_writing_leaves_nothing_that_lasts(cache, at):
    assert in_a_process(die_while_writing, cache.folder, at) == -signal.SIGKILL
    assert any(name.endswith(".part") for name in names(cache))
    assert cache.obtain(KEY, lambda: PLAN, {}).fresh
    assert not any(name.endswith(".part") for name in names(cache))
    assert not cache.obtain(KEY, never, {}).fresh


def die_while_building(folder):
    PlanCache(folder).obtain(KEY, lambda: os.kill(os.getpid(), signal.SIGKILL), {})


def test_one_that_was_killed_while_building_holds_nobody_up(cache):
    assert in_a_process(die_while_building, cache.folder) == -signal.SIGKILL
    assert cache.obtain(KEY, lambda: PLAN, {}).fresh


def build_slowly(folder, log):
    def build():
        with log.open("a") as file:
            file.write("built\n")
        time.sleep(0.5)
        return PLAN

    assert PlanCache(folder).obtain(KEY, build, {}).data == PLAN


def test_of_two_builders_one_builds_and_the_other_waits_for_it(cache, tmp_path):
    log = tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=build_slowly, args=(cache.folder, log)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert log.read_text() == "built\n"


def fill_the_disk(folder):
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(PLAN) // 2, len(PLAN) // 2))
    plan = PlanCache(folder).obtain(KEY, lambda: PLAN, {})
    assert plan.data == PLAN and "cannot write" in plan.problem


def test_a_full_disk_costs_no_plan_and_leaves_nothing(cache):
    assert in_a_process(fill_the_disk, cache.folder) == 0
    assert names(cache) == [f"{KEY.stem}.lock"]
    assert cache.obtain(KEY, lambda: PLAN, {}).fresh
    assert not cache.obtain(KEY, never, {}).fresh


def test_a_folder_that_cannot_be_made_costs_no_plan(tmp_path):
    (tmp_path / "file").write_text("in the way")
    plan = PlanCache(tmp_path / "file" / "engines").obtain(KEY, lambda: PLAN, {})
    assert plan.data == PLAN and "cannot write" in plan.problem


def test_a_failed_build_is_raised_and_can_be_tried_again(cache):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError):
        cache.obtain(KEY, fail, {})
    assert cache.obtain(KEY, lambda: PLAN, {}).fresh


def test_verified_is_the_plan_and_not_its_name(cache):
    assert cache.find(KEY) is None
    with pytest.raises(FileError):
        cache.mark_verified(KEY, "", {})
    loaded = cache.obtain(KEY, lambda: PLAN, {})
    assert cache.find(KEY).verified is None
    cache.mark_verified(KEY, loaded.sha256, {"max_abs": 1e-3})
    assert cache.find(KEY).verified == {"max_abs": 1e-3}
    cache.obtain(KEY, lambda: b"built again", {}, lambda plan: False)
    assert cache.find(KEY).verified is None
    with pytest.raises(FileError, match="verify again"):  # what was loaded is no longer there
        cache.mark_verified(KEY, loaded.sha256, {})


def mark(folder):
    cache = PlanCache(folder)
    for _ in range(200):
        cache.mark_verified(KEY, cache.find(KEY).sha256, {"max_abs": 1e-3})
        cache.store_blob(KEY, ".jit", os.urandom(1000))


def test_what_is_stored_beside_a_plan_stands_in_nobodys_way(cache):
    cache.obtain(KEY, lambda: PLAN, {})
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=mark, args=(cache.folder,)) for _ in range(2)]
    for process in both:
        process.start()
    while any(process.is_alive() for process in both):
        cache.obtain(KEY, never, {})
    assert [process.exitcode for process in both] == [0, 0]
    assert cache.find(KEY).verified


def test_a_file_system_without_locks_costs_no_plan(cache, monkeypatch):
    def no_locks(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    plan = cache.obtain(KEY, lambda: PLAN, {})
    assert plan.data == PLAN and "cannot lock" in plan.problem
    with pytest.raises(FileError, match="cannot lock"):
        cache.store_blob(KEY, ".jit", b"")


def test_the_folder_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert PlanCache().folder == tmp_path / "percast" / "engines"
