# SPDX-License-Identifier: GPL-3.0-or-later
import percast.tools.process  # isort: skip  # before numpy is loaded

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from percast.blocks.waveform import kernels
from percast.home import user_cache

ROOT = Path(__file__).parent.parent
SHARED_WEIGHTS = ROOT.parent / "shared" / "data" / "perceptual"


def pytest_configure(config: pytest.Config) -> None:
    """Gives the session a cache of its own, with nothing but the weights of the user's.

    Engines that were built and verified in the user's change what `auto` picks.
    """
    from percast.engines.metrics import perceptual_cache

    # A shell that starts the tests in the background ignores Ctrl-C, and so would their processes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    weights = perceptual_cache().absolute()
    cache = tempfile.TemporaryDirectory(prefix="percast-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(cache.cleanup)
    if weights.is_dir():
        link = Path(cache.name, "percast", "perceptual")
        link.parent.mkdir()
        link.symlink_to(weights)
    # Of compiled kernels the user's own: they depend on nothing but their source.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(user_cache() / "kernels"))
    os.environ["XDG_CACHE_HOME"] = cache.name


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compiles the modem's kernels before a test waits for that."""
    if any("waveform" in item.nodeid or "flowgraphs" in item.nodeid for item in session.items):
        kernels.warm_up()


def pytest_collection_modifyitems(config, items):
    """Tests marked `long` run only where `-m` asks for them."""
    if "long" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: pytest -m long"))


@dataclass(frozen=True)
class Run:
    """A finished `percast` command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The last line on stderr, after checking that there is no traceback."""
        assert "Traceback" not in self.err, self.err
        return self.err.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def percast():
    """Runs the real command in a process of its own."""

    def run(*argv: object, timeout: float = 110, **env: str) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "percast.tools.cli", *map(str, argv)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | env,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def popen():
    """As `subprocess.Popen`; the process is no more when the test ends, however it ends: an endless
    link would take the cores from all other tests."""
    started = []

    def popen(*args, **options) -> subprocess.Popen:
        started.append(subprocess.Popen(*args, **options))
        return started[-1]

    yield popen
    for process in started:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A folder of six crops of photographs that scikit-image carries, 256x256."""
    import skimage.data

    folder = tmp_path_factory.mktemp("photos")
    crops = [
        (skimage.data.astronaut(), 0, 100),
        (skimage.data.chelsea(), 20, 120),
        (skimage.data.coffee(), 100, 150),
        (skimage.data.rocket(), 100, 200),
        (skimage.data.astronaut(), 256, 200),
        (skimage.data.coffee(), 40, 300),
    ]
    for i, (rgb, y, x) in enumerate(crops):
        Image.fromarray(rgb[y : y + 256, x : x + 256]).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def small_photos(tmp_path_factory, photos) -> Path:
    """The same at 64x64."""
    folder = tmp_path_factory.mktemp("small")
    for path in photos.glob("*.png"):
        Image.open(path).resize((64, 64)).save(folder / path.name)
    return folder


@pytest.fixture(scope="session")
def perceptual_weights() -> str:
    """Folder of LPIPS weights, or skip."""
    from percast.engines.metrics import find_weights

    if found := find_weights("lpips"):
        return str(found[0].parent)
    if not SHARED_WEIGHTS.is_dir():
        pytest.skip("no perceptual weights: percast eval fetch-weights")
    return str(SHARED_WEIGHTS)


def crowding() -> float:
    """How many times longer something may take because other programs want the same cores."""
    return max(1.0, os.getloadavg()[0] / os.cpu_count())


def load(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def gradient(width: int, height: int) -> np.ndarray:
    """A smooth picture without symmetry, uint8 [height, width, 3]."""
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, None]
    channels = (200 * x + 0 * y, 220 * y + 0 * x, 120 * x * y + 60)
    return np.stack(channels, axis=-1).astype(np.uint8)


@pytest.fixture
def make_rgb():
    return gradient
