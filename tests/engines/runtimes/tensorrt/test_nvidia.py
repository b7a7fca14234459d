# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of NVIDIA's driver library, with a stand-in for it (tests/standins/libcuda.c)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from percast.engines.runtimes.tensorrt import package as tensorrt_package

STANDINS = Path(__file__).parents[3] / "standins"
FIRST = "from percast.engines.runtimes.tensorrt.nvidia import first_gpu, NoGpu\n"


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> str:
    """A folder for LD_LIBRARY_PATH with the stand-in."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc to compile the stand-in for libcuda")
    folder = tmp_path_factory.mktemp("driver")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-Wl,-soname,libcuda.so.1",
         "-o", folder / "libcuda.so.1", STANDINS / "libcuda.c"],
        check=True,
    )  # fmt: skip
    return str(folder)


def python(code: str, folder: str, **env: object) -> str:
    """What a script prints with the libraries of a folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"LD_LIBRARY_PATH": folder} | {k: str(v) for k, v in env.items()},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_first_device_is_named_with_its_target(driver):
    told = python(FIRST + "print(first_gpu())", driver, STANDIN_CAPABILITY=121)
    assert told == "Gpu(index=0, name='Stand-in 3000', target='sm121')"


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"STANDIN_GPUS": 0}, "no NVIDIA GPU"),
        ({"STANDIN_CUINIT": 100}, "no NVIDIA GPU"),
        ({"STANDIN_CUINIT": 803}, "does not work (CUDA error 803)"),
    ],
)
def test_without_a_usable_device_it_says_why(driver, env, why):
    code = FIRST + "try: first_gpu()\nexcept NoGpu as error: print(error)"
    assert why in python(code, driver, **env)


def test_without_a_driver_it_says_so(tmp_path):
    (tmp_path / "libcuda.so.1").write_text("no library")
    code = FIRST + "try: first_gpu()\nexcept NoGpu as error: print(error)"
    assert python(code, str(tmp_path)) == "no NVIDIA driver"


GRAPH = """
import ctypes
from percast.engines.runtimes.tensorrt.cuda_graph import CaptureError, CudaGraph
alive = ctypes.CDLL("libcuda.so.1").standin_alive
calls = []
try:
    graph = CudaGraph(2, lambda: calls.append(alive()))
    graph.launch()
    graph.launch()
    print(calls, alive())
    graph.free()
    graph.free()
except CaptureError as error:
    print(error)
print(alive())
"""


def test_a_graph_is_captured_once_and_freed_once(driver):
    assert python(GRAPH, driver).splitlines() == ["[0] 2", "0"]


@pytest.mark.parametrize(
    ("setting", "function"),
    [
        ("STANDIN_CAPTURE", "cuStreamEndCapture"),
        ("STANDIN_INSTANTIATE", "cuGraphInstantiateWithFlags"),
    ],
)
def test_a_refused_capture_leaves_nothing(driver, setting, function):
    told, alive = python(GRAPH, driver, **{setting: 1}).splitlines()
    assert function in told and alive == "0"


FAILING = """
import ctypes
from percast.engines.runtimes.tensorrt.cuda_graph import CudaGraph
def fail():
    raise ValueError("not while capturing")
try:
    CudaGraph(2, fail)
except ValueError as error:
    print(error)
print(ctypes.CDLL("libcuda.so.1").standin_alive())
"""


def test_work_that_fails_while_it_is_captured_leaves_nothing(driver):
    assert python(FAILING, driver).splitlines() == ["not while capturing", "0"]


def test_the_doctor_says_how_to_get_a_driver(percast, tmp_path):
    (tmp_path / "libcuda.so.1").write_text("no library")
    run = percast("doctor", "--json", LD_LIBRARY_PATH=str(tmp_path))
    (finding,) = [f for f in json.loads(run.out) if f["what"] == "NVIDIA GPU"]
    assert not finding["ok"] and "apt install nvidia-driver" in finding["text"]


def test_the_doctor_names_the_gpu_and_what_still_lacks(percast, driver):
    run = percast("doctor", "--json", LD_LIBRARY_PATH=driver)
    findings = {f["what"]: f for f in json.loads(run.out)}
    assert findings["NVIDIA GPU"] == {
        "what": "NVIDIA GPU", "ok": True, "text": "Stand-in 3000, sm86", "needed": 0,
    }  # fmt: skip
    for name, line in (("tensorrt", "pip install tensorrt"), ("pycuda", "pip install pycuda")):
        if not findings[name]["ok"]:
            assert line in findings[name]["text"]


@pytest.fixture
def only_rtx() -> None:
    if not tensorrt_package.installed(tensorrt_package.RTX):
        pytest.skip("no TensorRT-RTX: pip install tensorrt-rtx")
    if tensorrt_package.installed(tensorrt_package.TENSORRT):
        pytest.skip("TensorRT itself serves every GPU, and needs a real one to build")


@pytest.mark.usefixtures("only_rtx")
def test_on_hopper_doctor_auto_and_build_name_the_package_that_it_needs(percast, driver, tmp_path):
    env = {"LD_LIBRARY_PATH": driver, "STANDIN_CAPABILITY": "90", "XDG_CACHE_HOME": str(tmp_path)}
    run = percast("doctor", "--json", **env)
    findings = {f["what"]: f for f in json.loads(run.out)}
    assert not findings["tensorrt_rtx"]["ok"]
    assert "sm90" in (told := findings["tensorrt_rtx"]["text"]) and "pip install tensorrt" in told
    assert "tensorrt, which sm90 needs (pip install tensorrt" in findings["model base"]["text"]
    run = percast("engine", "build", **env)
    assert run.code == 4 and "pip install tensorrt" in run.complaint and "sm86" in run.complaint


@pytest.mark.usefixtures("only_rtx")
def test_a_build_without_a_target_is_for_the_gpu_here(percast, driver, tmp_path):
    run = percast(
        "engine", "build", "--json", LD_LIBRARY_PATH=driver, XDG_CACHE_HOME=str(tmp_path),
        STANDIN_CAPABILITY="89",
    )  # fmt: skip
    assert run.code == 0, run.err
    assert {built["target"] for built in run.json["built"]} == {"sm89"}
