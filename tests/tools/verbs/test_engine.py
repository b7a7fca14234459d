# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine`: real TensorRT-RTX plans without a GPU, in a cache of the tests' own."""

import argparse
import contextlib
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from percast.engines.evaluation.verify import Candidate, Report, Row
from percast.engines.manifest import SHIPPED
from percast.engines.runtimes import int8_networks
from percast.engines.runtimes.plan_cache import Key, PlanCache
from percast.engines.runtimes.tensorrt import package as tensorrt_package
from percast.engines.runtimes.tensorrt.build import PROFILES
from percast.errors import INTERRUPTED, ModelError
from percast.tools.cli import build_parser
from percast.tools.verbs.engine import check as engine_check
from percast.tools.verbs.engine import command as engine
from percast.tools.verbs.engine import pictures as engine_pictures

needs_rtx = pytest.mark.skipif(
    not tensorrt_package.installed(tensorrt_package.RTX),
    reason="no TensorRT-RTX: pip install tensorrt-rtx",
)


def folder_of(cache: Path) -> Path:
    return cache / "percast" / "engines"


def start(cache: Path, *argv: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "percast.tools.cli", "engine", *argv],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def wait_for_a_build(cache: Path) -> None:
    """Until a build is under way."""
    deadline = time.monotonic() + 60
    while not list(folder_of(cache).glob("*.lock")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)


@pytest.fixture(scope="module")
def built(percast, tmp_path_factory) -> tuple[Path, dict]:
    """A cache with fp16 plans of both networks for two targets, and what the command said."""
    cache = tmp_path_factory.mktemp("cache")
    run = percast("engine", "build", "--target", "sm86,sm89", "--json", XDG_CACHE_HOME=str(cache))
    assert run.code == 0, run.err
    return cache, run.json


@needs_rtx
def test_both_networks_build_for_two_targets_and_the_sizes_are_recorded(built, capsys):
    cache, told = built
    found = {(each["network"], each["target"]): each for each in told["built"]}
    assert found.keys() == {(n, t) for n in ("encoder", "generator") for t in ("sm86", "sm89")}
    for (network, target), each in found.items():
        plan = Path(each["path"])
        assert plan.parent == folder_of(cache) and plan.stat().st_size == each["bytes"]
        manifest = json.loads(plan.with_suffix(".json").read_text())
        assert (manifest["bytes"], manifest["target"]) == (each["bytes"], target)
        weights = (SHIPPED / "base" / f"{network}.onnx").stat().st_size
        assert weights < each["bytes"] < 3 * weights
        with capsys.disabled():
            print(f"\n{network} {target} fp16: {each['bytes'] / 1e6:.1f} MB", end="")


@needs_rtx
def test_a_second_build_finds_what_the_first_one_made(percast, built):
    cache, told = built
    run = percast("engine", "build", "--target", "sm86,sm89", "--json", XDG_CACHE_HOME=str(cache))
    assert all(each["cached"] for each in run.json["built"])
    assert [e["path"] for e in run.json["built"]] == [e["path"] for e in told["built"]]


@needs_rtx
def test_fp32_with_sizes_of_its_own(percast, tmp_path):
    sizes = ["--size", "640x480", "--size", "100x200", "--size", "1920x1080"]
    run = percast(
        "engine", "build", "--target", "sm86", "--precision", "fp32", *sizes, "--json",
        XDG_CACHE_HOME=str(tmp_path),
    )  # fmt: skip
    assert run.code == 0, run.err
    assert {each["network"] for each in run.json["built"]} == {"encoder", "generator"}
    for each in run.json["built"]:
        manifest = json.loads(Path(each["path"]).with_suffix(".json").read_text())
        best = [profile["best"] for profile in manifest["details"]["profiles"]]
        assert best[:3] == [[480, 640], [208, 112], [1088, 1920]] and len(best) == 6
        assert manifest["precision"] == "fp32"


@needs_rtx
def test_one_plan_for_every_capability(percast, tmp_path):
    run = percast("engine", "build", "--target", "any", "--json", XDG_CACHE_HOME=str(tmp_path))
    assert run.code == 0, run.err
    built = {(each["network"], each["target"], each["precision"]) for each in run.json["built"]}
    assert built == {("encoder", "any", "fp16"), ("generator", "any", "fp16")}


@needs_rtx
def test_the_list_tells_sizes_dates_and_what_is_wrong(percast, built, tmp_path):
    cache = tmp_path / "copy"
    shutil.copytree(built[0], cache)
    first = sorted(folder_of(cache).glob("*.plan"))[0]
    first.write_bytes(first.read_bytes()[:-1])
    old = Key("0" * 64, "tensorrt_rtx", "0.9", "sm86", "fp16", 1)
    PlanCache(folder_of(cache)).obtain(old, lambda: b"plan", {"network": "of long ago"})
    run = percast("engine", "list", "--json", XDG_CACHE_HOME=str(cache))
    listed = {each["path"]: each for each in run.json["engines"]}
    assert len(listed) == 5
    problems = [each["problem"] for each in listed.values() if each["problem"]]
    assert len(problems) == 2
    assert "damaged" in listed[str(first)]["problem"]
    assert any("delete it" in problem for problem in problems)
    assert all(each["bytes"] and each["created"].startswith("20") for each in listed.values())
    text = percast("engine", "list", XDG_CACHE_HOME=str(cache))
    assert text.code == 0 and "base generator" in text.out

    again = percast("engine", "build", "--target", "sm86,sm89", "--json", XDG_CACHE_HOME=str(cache))
    assert again.code == 0 and "damaged" in again.err
    assert [each["cached"] for each in again.json["built"]].count(False) == 1


@needs_rtx
def test_killed_half_way_and_then_two_at_once(percast, tmp_path):
    process = start(tmp_path, "build", "--target", "sm86")
    wait_for_a_build(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list(folder_of(tmp_path).glob("*.json"))

    both = [start(tmp_path, "build", "--target", "sm86", "--json") for _ in range(2)]
    told = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    cached = [each["cached"] for out, _ in told for each in json.loads(out)["built"]]
    assert sorted(cached) == [False, False, True, True]  # each network was built once
    assert not list(folder_of(tmp_path).glob("*.part"))


@needs_rtx
def test_ctrl_c_ends_a_build_at_once(tmp_path):
    process = start(tmp_path, "build", "--target", "sm86,sm89")
    wait_for_a_build(tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    assert "Traceback" not in err
    assert not list(folder_of(tmp_path).glob("*.json"))


@needs_rtx
def test_a_terminal_sees_a_progress_bar_with_the_time_left(tmp_path):
    ours, terminal = pty.openpty()
    process = start(tmp_path, "build", "--target", "sm86", stderr=terminal)
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # so a terminal ends
        while part := os.read(ours, 1 << 16):
            seen += part
    assert process.wait(60) == 0
    assert b"encoder sm86 fp16" in seen and b"generator sm86 fp16" in seen
    assert re.search(rb"left.*?\d:\d\d:\d\d", seen) and b"100%" in seen


@needs_rtx
def test_a_full_disk_is_one_line_and_the_next_build_recovers(percast, tmp_path):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    process = start(tmp_path, "build", "--target", "sm86", preexec_fn=small_disk)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 6, err
    assert "Traceback" not in err and "cannot write" in err.strip().splitlines()[-1]
    assert {path.suffix for path in folder_of(tmp_path).iterdir()} == {".lock"}
    assert percast("engine", "build", "--target", "sm86", XDG_CACHE_HOME=str(tmp_path)).code == 0


@needs_rtx
def test_an_unknown_target_names_those_there_are_before_any_is_built(percast, tmp_path):
    run = percast("engine", "build", "--target", "sm86,sm90", XDG_CACHE_HOME=str(tmp_path))
    assert run.code == 2 and "sm86, sm89" in run.complaint
    assert not folder_of(tmp_path).exists()


def test_without_the_package_the_pip_line_is_told(percast, tmp_path):
    hide = tmp_path / "sitecustomize.py"
    hide.write_text(
        "import sys\nfor m in ('tensorrt', 'tensorrt_rtx', 'tensorrt_rtx_bindings'):\n"
        "    sys.modules[m] = None\n"
    )
    run = percast("engine", "build", "--target", "sm86", PYTHONPATH=str(tmp_path))
    assert run.code == 4 and "pip install tensorrt-rtx" in run.complaint


def test_without_a_gpu_or_a_target_it_says_what_to_give(percast, tmp_path):
    (tmp_path / "libcuda.so.1").write_text("no library")
    run = percast("engine", "build", LD_LIBRARY_PATH=str(tmp_path))
    assert run.code == 4
    assert "--target" in run.complaint or "pip install" in run.complaint


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_wrong_or_truncated_network_is_one_line(percast, tmp_path, damage):
    model = tmp_path / "model"
    shutil.copytree(SHIPPED / "base", model)
    network = model / "encoder.onnx"
    network.write_bytes(network.read_bytes()[:1000] if damage == "cut" else b"something else")
    run = percast("engine", "build", "--target", "sm86", "--model", model)
    assert run.code == 4 and str(network) in run.complaint


def test_an_engine_of_the_cpu_compiles_and_keeps_nothing(percast, tmp_path):
    run = percast(
        "engine", "build", "--engine", "openvino", "--size", "64x80", XDG_CACHE_HOME=str(tmp_path)
    )
    assert run.code == 0 and "keeps no file" in run.out
    assert percast("engine", "list", XDG_CACHE_HOME=str(tmp_path)).out.startswith("no engines in")
    assert percast("engine", "build", "--engine", "openvino", "--target", "sm86").code == 2


def test_verify_reaches_every_profile_of_a_plan():
    sizes = [picture.shape[:2] for picture in engine_pictures.to_verify()]
    taken = {next(p for p in PROFILES if p.takes(*size)) for size in sizes}
    assert taken == {*PROFILES}


def test_verify_says_that_all_engines_here_agree(percast):
    run = percast("engine", "verify", "--cbr", "1/48", "--snr", "10", "--json")
    assert run.code == 0, run.err
    assert run.json["ok"] and run.json["reference"]
    rows = {(row["engine"], row["precision"]): row for row in run.json["rows"]}
    assert rows["openvino", "fp32"]["latent_max_abs"] < 2e-3
    assert {"cbr", "snr_db", "image_max_abs", "psnr_db", "lpips_change"} <= rows[
        "openvino", "fp32"
    ].keys()


def test_the_table_of_verify_has_a_line_for_each_row(capsys):
    row = Row(
        engine="openvino", precision="bf16", cbr="1/48", snr_db=10.0, latent_max_abs=0.1,
        image_max_abs=0.02, psnr_db=None, lpips_change=None, psnr_change_db=0.0, ok=False,
    )  # fmt: skip
    report = Report(Candidate("onnxruntime", "fp32"), [row], {Candidate("tensorrt", "fp16"): "no"})
    engine_check._print_verified(report)
    out, err = capsys.readouterr()
    assert "openvino bf16" in out and "1/48" in out and "WRONG" in out and "equal" in out
    assert err == "without tensorrt fp16: no\n"


def test_verify_fails_where_an_engine_is_wrong(percast, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import percast.engines.runtimes.openvino as r\n"
        "run = r.OpenVinoEngine._run\n"
        "r.OpenVinoEngine._run = lambda self, i: {n: a + 0.01 for n, a in run(self, i).items()}\n"
    )
    run = percast(
        "engine", "verify", "--cbr", "1/48", "--snr", "10", "--engine", "openvino",
        "--precision", "fp32", "--json", PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert run.code == 4 and "openvino fp32 computes something else" in run.complaint
    assert run.json["ok"] is False


def test_a_link_says_which_engine_it_took_and_why(percast, small_photos, tmp_path):
    argv = ("loopback", "--source", small_photos, "--frames", "1", "--metrics", "none")
    run = percast(*argv, "--out", tmp_path / "a", "--json")
    reason = run.json["engine_reason"]
    assert run.json["engine"] in reason and ("no tensorrt, as" in reason or "verified" in reason)
    (line,) = [
        line
        for line in percast(*argv, "--out", tmp_path / "b").out.splitlines()
        if line.startswith("code")
    ]
    assert line.endswith(f"base on {reason}")


def test_verify_with_nothing_to_verify_is_an_error(percast):
    run = percast("engine", "verify", "--engine", "onnxruntime", "--precision", "bf16")
    assert run.code == 4 and "fp32 only" in run.complaint


@pytest.fixture
def verify(monkeypatch):
    """Runs the verb where some candidates do not run and nothing else is compared."""

    def verify(skipped: dict[Candidate, str], *options: str, failed=None) -> int:
        found = Report(Candidate("onnxruntime", "fp32"), [], skipped, failed or {})
        monkeypatch.setattr(engine_check, "verify", lambda *_, **options: found)
        args = build_parser(["engine"]).parse_args(["engine", "verify", *options])
        return args.main(args)

    return verify


def test_the_engine_that_others_are_compared_with_is_not_denied(verify, capsys):
    assert verify({Candidate("onnxruntime", "fp16"): "no"}, "--engine", "onnxruntime") == 0
    told = "without onnxruntime fp16: no\nonnxruntime fp32 is what the others are compared with\n"
    assert capsys.readouterr() == ("", told)  # no empty table


def test_verify_gives_a_reason_once(verify, capsys):
    skipped = {Candidate("torch", precision): "no torch" for precision in ("fp32", "fp16")}
    with pytest.raises(ModelError, match="^no engine to verify: no torch$"):
        verify(skipped, "--engine", "torch")
    assert capsys.readouterr() == ("", "")
    engine_check._print_skipped(skipped)
    assert capsys.readouterr().err == "without torch fp32, torch fp16: no torch\n"
    with pytest.raises(ModelError, match="^torch fp16: full$"):  # it is here, and failed
        verify({}, "--engine", "torch", failed={Candidate("torch", "fp16"): "full"})


def test_verify_says_what_int8_lacks_for_auto(capsys, monkeypatch):
    row = Row("openvino", "int8", "1/48", 10.0, 0.1, 0.02, 40.0, None, 0.0, ok=True)
    report = Report(Candidate("onnxruntime", "fp32"), [row], {})
    monkeypatch.setattr(engine_check, "verify", lambda *_, **__: report)
    parser = argparse.ArgumentParser()
    engine.add_options(parser)
    args = parser.parse_args(["verify"])
    assert args.main(args) == 0
    assert "percast eval fetch-weights" in capsys.readouterr().err


def test_the_bench_stands_beside_a_reference(percast):
    run = percast(
        "engine", "bench", "--size", "64x80", "--runs", "3", "--engine", "openvino",
        "--precision", "fp32", "--json",
    )  # fmt: skip
    assert run.code == 0, run.err
    reference, other = run.json["rows"]
    assert reference["speed"] == 1 and other["engine"] == "openvino"
    assert (other["width"], other["height"], other["batch"]) == (64, 80, 1)
    assert other["images_per_second"] > 0 and other["memory_mb"] > 10


def test_the_list_bears_a_broken_package_and_a_damaged_manifest(percast, tmp_path):
    cache = PlanCache(folder_of(tmp_path))
    for name in (tensorrt_package.RTX, tensorrt_package.TENSORRT):
        cache.obtain(Key("0" * 64, name, "1.0", "any", "fp16", 1), lambda: b"plan", {})
    path = next(cache.folder.glob("tensorrt_rtx-*.json"))
    manifest = json.loads(path.read_text())
    del manifest["version"]
    path.write_text(json.dumps(manifest))
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "tensorrt.py").write_text("raise RuntimeError('half installed')")
    run = percast(
        "engine", "list", "--json", XDG_CACHE_HOME=str(tmp_path), PYTHONPATH=str(packages)
    )
    assert run.code == 0, run.err
    problems = {each["runtime"]: each["problem"] for each in run.json["engines"]}
    assert problems["tensorrt 1.0"] == ""
    assert [why for why in problems.values() if why] == ["its manifest is damaged"]


def test_the_list_tells_what_another_percast_made(percast, tmp_path):
    cache = PlanCache(folder_of(tmp_path))
    new = int8_networks.key_for(SHIPPED / "base" / "encoder.onnx")
    for key in (new, replace(new, recipe=new.recipe - 1)):
        cache.obtain(key, lambda: b"plan", {})
    run = percast("engine", "list", "--json", XDG_CACHE_HOME=str(tmp_path))
    problems = {each["problem"] for each in run.json["engines"]}
    assert problems == {"", "made by another version of percast: delete it"}


@pytest.mark.parametrize(
    "wrong",
    [["--runs", "0"], ["--batch", "0"], ["--size", "abc"], ["--batch", "x"], ["--batch", "inf"]],
)
def test_wrong_flags_are_usage_errors(percast, wrong):
    assert percast("engine", "bench", *wrong).code == 2


@pytest.mark.parametrize(
    "wrong",
    [["--pictures", "."], ["--engine", "openvino", "--precision", "int8", "--size", "64x64"]],
)
def test_options_that_would_do_nothing_are_refused(percast, wrong):
    assert percast("engine", "build", *wrong).code == 2


def test_a_rate_that_takes_for_ever_to_compute_with_is_refused(percast):
    assert percast("engine", "verify", "--cbr", "1e999999999").code == 2
