# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast train` as people run it: killed, interrupted, resumed, in two processes."""

# ruff: noqa: E402 - the imports must follow importorskip
import argparse
import json
import signal
import sys
import time

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.training.distributed import Group
from percast.engines.training.records import checkpoint
from percast.engines.training.trainer import Trainer
from percast.errors import ModelError, UsageError
from tests.engines.training.runs import rows, states_equal

WITHOUT_FEATURES = ("--set", "lpips_weight=0", "--set", "texture_weight=0")


@pytest.fixture
def run(start, images):
    """Starts a tiny run on the pictures; gives the process."""

    def run(out, *options, resume=False, **how):
        mode = ["--resume"] if resume else ["--config", "tiny", *WITHOUT_FEATURES]
        return start("--out", out, "--data", images, *mode, *options, **how)

    return run


def wait_for(process, out, step):
    path = out / f"checkpoint-{step:09d}.pt"
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def finish(process, code=0):
    stdout, stderr = process.communicate(timeout=100)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    return stdout, stderr


def test_a_killed_run_goes_on_as_if_nothing_had_happened(run, tiny, tmp_path):
    out = tmp_path / "killed"
    process = run(out, "--steps", 24)
    wait_for(process, out, 8)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 8 <= checkpoint.load_newest(out)["step"] < 24
    stdout, _ = finish(run(out, "--json", resume=True))
    told = json.loads(stdout)
    assert (told["step"], told["device"]) == (24, "CPU")

    Trainer(tiny(steps=24), tmp_path / "whole", Group(0, 1, torch.device("cpu"))).run()
    ours, theirs = (checkpoint.load_newest(folder) for folder in (tmp_path / "whole", out))
    assert states_equal(ours, theirs)


def test_the_recipe_for_a_gpu_runs_through_both_stages_on_a_cpu(start, images, tmp_path):
    """With networks, crops and batches small enough for one; resumed to the bit."""
    small = (
        "encoder_channels=[8,12,16]", "encoder_blocks=[1,1,1]", "generator_channels=[16,12,8]",
        "generator_blocks=[1,1,1]", "discriminator_channels=[8,8,12,12]", "crop=64", "batch=4",
        "held_out=2", "warmup=4", "log_every=5", "save_every=10", "validation_pictures=0",
        "lpips_weight=0", "texture_weight=0",
    )  # fmt: skip
    options = [part for change in small for part in ("--set", change)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begin = ("--config", "gpu", "--steps", 20, "--data", images, *options)
    finish(start("--out", whole, *begin))
    assert [row["stage"] for row in rows(whole / "train.csv")] == ["1", "2", "2", "2"]
    assert (whole / "weights.pt").is_file() and (whole / "weights-stage1.pt").is_file()

    process = start("--out", killed, *begin)
    wait_for(process, killed, 10)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finish(start("--out", killed, "--data", images, "--resume"))
    ours, theirs = (checkpoint.load_newest(folder) for folder in (whole, killed))
    assert states_equal(ours, theirs)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_first(run, tmp_path, kind):
    process = run(tmp_path, "--steps", 100_000, "--set", "save_every=50000")
    while not (tmp_path / "train.csv").exists() or len(rows(tmp_path / "train.csv")) < 2:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(kind)
    finish(process, code=130)
    assert checkpoint.load_newest(tmp_path)["step"] >= 4 and (tmp_path / "weights.pt").exists()


LAST_WORDS = """
import sys
import torch
from percast.engines.training.trainer import Trainer
from percast.tools.cli import main

run = Trainer.run

def run_and_tell(self):
    result = run(self)
    state = {"link": self._link.state_dict(), "adversary": self._adversary.state()}
    torch.save(state, f"{self.out}/rank{self.group.rank}.pt")
    return result

Trainer.run = run_and_tell
sys.exit(main())
"""


def test_two_processes_train_one_model(run, tiny, tmp_path):
    """Both have the same weights in the end, and others than the data of one would have made."""
    (tmp_path / "script.py").write_text(LAST_WORDS)
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    out = tmp_path / "two"
    stdout, _ = finish(run(out, "--json", before=(*torchrun, str(tmp_path / "script.py"))))
    result = json.loads(stdout)  # one object: one process speaks
    assert (result["step"], result["images"]) == (12, 96)
    assert len(rows(out / "train.csv")) == 6
    assert checkpoint.load_newest(out)["images"] == 96
    first, second = (torch.load(out / f"rank{rank}.pt") for rank in (0, 1))
    assert states_equal(first, second)
    Trainer(tiny(), tmp_path / "one", Group(0, 1, torch.device("cpu"))).run()
    alone = checkpoint.load_newest(tmp_path / "one")
    for network in ("link", "adversary"):
        assert not states_equal(first[network], alone[network])


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(UsageError, match="--nproc-per-node 1"):
        Group.open()


def test_it_says_what_it_trains_on(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    cpu = Group(0, 1, torch.device("cpu"))
    assert cpu.describe() == "the CPU: this torch has no CUDA" and cpu.device_name == "CPU"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert cpu.describe() == "the CPU: torch finds no GPU"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    gpu = torch.device("cuda", 0)
    assert Group(0, 1, gpu).describe() == Group(0, 1, gpu).device_name == "NVIDIA H200"
    assert Group(0, 4, gpu).describe() == "4 GPUs (NVIDIA H200)"


@pytest.fixture
def here(command):
    """Runs `percast train ...` in this process; gives the exit code."""
    from percast.tools.verbs import train

    def here(*arguments):
        parser = argparse.ArgumentParser(allow_abbrev=False)
        train.add_options(parser)
        args = parser.parse_args(list(map(str, arguments)))
        return args.main(args)

    return here


def test_a_pack_is_made_and_trained_on(here, images, tmp_path, capsys):
    assert here("pack", images, tmp_path / "data.pack") == 0
    assert "10 pictures" in capsys.readouterr().err
    options = ("--config", "tiny", *WITHOUT_FEATURES, "--steps", 1, "--out", tmp_path / "run")
    assert here("--data", tmp_path / "data.pack", *options) == 0
    said, aside = capsys.readouterr()
    assert aside.count("training on ") == 1
    assert "1 steps, 4 images" in said and "in the data step" in said and "weights.pt" in said


def test_wrong_options_say_what_is_wrong(here, tmp_path, images):
    for options, complaint in (
        (["--config", "tiny", "--set", "bacth=2"], "did you mean 'batch'"),
        (["--config", "tiny", "--out", tmp_path], "--data"),
        (["--resume", "--config", "tiny"], "no --config"),
        (["--resume", "--out", tmp_path], "no checkpoint"),
        (["pack", tmp_path / "nothing", tmp_path / "x.pack"], "no folder"),
        (["pack", images, "."], "name a file"),
        (["pack", images, tmp_path], "name a file"),
    ):
        with pytest.raises(UsageError, match=complaint):
            here(*options)
    start = ("--config", "tiny", "--data", images, *WITHOUT_FEATURES, "--init", "no model")
    with pytest.raises(ModelError, match="no model"):
        here(*start, "--out", tmp_path)
    checkpoint.save(tmp_path, 1, {})
    with pytest.raises(UsageError, match="--resume"):
        here("--config", "tiny", "--data", images, "--out", tmp_path)
