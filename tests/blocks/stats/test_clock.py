# SPDX-License-Identifier: GPL-3.0-or-later
"""No step of a wall clock, and no other machine's clock, gets into a figure."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from percast.blocks.stats.clock import CLOCK, SteadyClock

HOUR = 3600.0


class Machine:
    """Two clocks by hand, and processes that read them."""

    def __init__(self, name="boot-1", wall=1.7e9, since_boot=5000.0):
        self.name, self.wall, self.steady = name, wall, since_boot

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def process(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.steady, self.name)


def latency(machine, sender, receiver, seconds=0.25) -> float | None:
    """What a receiver makes of a picture that takes so long; None where clocks do not agree."""
    stamp = sender.to_stamp(sender.now())
    machine.run(seconds)
    when, agree = receiver.from_stamp(stamp)
    return receiver.now() - when if agree else None


@pytest.mark.parametrize("step", [-HOUR, HOUR, -2.0, 1.7e9, -1.6e9])
def test_a_step_changes_no_duration_and_no_latency_within_a_process(step):
    machine = Machine()
    clock = machine.process()
    began = clock.now()
    machine.run(2)
    stamp = clock.to_stamp(clock.now())  # on its way while the clock is set
    machine.run(0.1)
    machine.wall += step
    machine.run(0.1)
    when, agree = clock.from_stamp(stamp)
    assert agree and clock.now() - when == pytest.approx(0.2, abs=1e-5)
    assert clock.now() - began == pytest.approx(2.2)
    assert latency(machine, clock, clock) == pytest.approx(0.25, abs=1e-5)


def test_two_processes_of_a_machine_agree_before_and_after_a_step():
    machine = Machine()
    sender = machine.process()
    machine.run(100)
    receiver = machine.process()
    assert latency(machine, sender, receiver) == pytest.approx(0.25, abs=1e-5)
    machine.wall -= HOUR
    assert latency(machine, sender, receiver) == pytest.approx(0.25, abs=1e-5)
    assert latency(machine, sender, machine.process()) == pytest.approx(0.25, abs=1e-5)


@pytest.mark.parametrize("off", [0.0, 0.3, -HOUR, 86400.0])
@pytest.mark.parametrize("known", [True, False])
def test_another_machine_is_never_taken_for_this_one(off, known):
    here = Machine("boot-1" if known else "")
    there = Machine("boot-2" if known else "", wall=here.wall + off, since_boot=77.0)
    stamp = there.process().to_stamp(there.process().now())
    when, agree = here.process().from_stamp(stamp)
    assert not agree
    assert when == pytest.approx(there.wall, abs=1e-5)  # its own wall clock, for people


def test_a_stamp_of_version_0_1_is_a_time_and_no_more():
    when, agree = Machine().process().from_stamp(1_700_000_000_000_000)
    assert (when, agree) == (1.7e9, False)


def test_many_steps_do_not_pile_up():
    machine = Machine()
    clock = machine.process()
    for i in range(1000):
        machine.wall += i
        clock.to_stamp(clock.now())
    assert len(clock._seen) < 100
    assert latency(machine, clock, clock) == pytest.approx(0.25, abs=1e-5)


def test_the_real_clock_agrees_with_that_of_another_process():
    code = "from percast.blocks.stats.clock import CLOCK; print(CLOCK.to_stamp(CLOCK.now()))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    when, agree = CLOCK.from_stamp(int(out.stdout))
    assert agree and 0 <= CLOCK.now() - when < 60


# The real links, on a computer whose wall clock is set while they run

STEP = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
static double began = -1;
int clock_gettime(clockid_t clock, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int error = real(clock, t);
  if (clock == CLOCK_REALTIME) {
    struct timespec m;
    real(CLOCK_MONOTONIC, &m);
    double now = m.tv_sec + m.tv_nsec * 1e-9;
    if (began < 0) began = now;
    if (now - began >= atof(getenv("STEP_AFTER"))) t->tv_sec -= 3600;
  }
  return error;
}
"""


@pytest.fixture(scope="module")
def stepping(tmp_path_factory):
    """Environment in which the wall clock is set back by an hour after so many seconds."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "step.c").write_text(STEP)
    library = folder / "step.so"
    subprocess.run(["cc", "-shared", "-fPIC", folder / "step.c", "-o", library, "-ldl"], check=True)
    return lambda after: {"LD_PRELOAD": str(library), "STEP_AFTER": str(after)}


def test_a_clock_that_is_set_during_a_loopback_changes_no_figure(
    percast, small_photos, stepping, tmp_path
):
    run = percast("loopback", "--source", small_photos, "--size", "64x64", "--frames", 60,
                  "--fps", 10, "--metrics", "none", "--json", "--out", tmp_path,
                  **stepping(5))  # fmt: skip
    assert run.code == 0, run.err
    s = run.json
    # Where a busy machine codes more slowly than that, pictures are dropped before they are sent.
    assert s["received"] == s["sent"] and s["sent"] + s["dropped"] == 60
    assert 3 < s["frames_per_second"] < 11  # a busy machine takes long over the first
    assert 0 < s["latency_ms"]["p50"] <= s["latency_ms"]["p99"] < 60_000
    frames = [json.loads(line) for line in (tmp_path / "frames.jsonl").read_text().splitlines()]
    assert all(f["clocks_agree"] for f in frames)
    # A busy machine decodes several at once.
    assert (np.diff([f["decoded_at"] for f in frames]) >= 0).all()


@pytest.mark.parametrize("sender_is_off", [False, True])
def test_latency_over_zmq_is_told_only_where_the_senders_clock_is_ours(
    percast, small_photos, stepping, tmp_path, sender_is_off
):
    address = f"ipc://{tmp_path}/samples"
    sender = subprocess.Popen(
        [sys.executable, "-m", "percast.tools.cli", "tx", "--device", "zmq", "--args", address,
         "--source", small_photos, "--frames", "0", "--fps", "5"],
        env=os.environ | (stepping(0) if sender_is_off else {}), stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        run = percast("rx", "--device", "zmq", "--args", address, "--frames", 8, "--json")
    finally:
        sender.terminate()
        sender.wait(30)
    assert run.code == 0, run.err
    latency, rate = run.json["latency_ms"], run.json["frames_per_second"]
    assert rate > 0.02  # an hour more or less would be seen in it, how busy a machine is would not
    if sender_is_off:
        assert latency == {"p50": None, "p99": None}
    else:
        assert 0 < latency["p50"] < 60_000
