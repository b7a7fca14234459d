# SPDX-License-Identifier: GPL-3.0-or-later
import ast
import subprocess
import sys
from pathlib import Path

import percast.engines

ROOM = Path(percast.engines.__file__).parent
TORCH_SIDE = {
    "networks.py",
    "export/onnx_graph.py",
    "runtimes/torch.py",
    "runtimes/torch_plan.py",
    "runtimes/torch_graph.py",
    "runtimes/torch_verified.py",
}


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def test_importing_the_codec_loads_no_runtime():
    code = (
        "import sys, percast.engines, percast.engines.codecs.learned, percast.engines.metrics;"
        "print([m for m in ('openvino', 'onnxruntime', 'torch', 'gnuradio') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"


def test_the_room_knows_neither_gnu_radio_nor_blocks():
    for path in ROOM.rglob("*.py"):
        for name in imports(path):
            assert not name.startswith(("gnuradio", "percast.blocks", "percast.flowgraphs"))


def test_only_the_torch_side_imports_torch():
    users = {
        str(path.relative_to(ROOM))
        for path in ROOM.rglob("*.py")
        if path.parts[len(ROOM.parts)] != "training"
        and any(name.split(".")[0] == "torch" for name in imports(path))
    }
    assert users == TORCH_SIDE
