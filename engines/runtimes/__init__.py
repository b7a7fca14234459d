# SPDX-License-Identifier: GPL-3.0-or-later
"""Runtimes that execute an ONNX network behind one call, `run({name: array}) -> {name: array}`.

- `engine`: that call, as a base class
- `choose`: `open_engine`, the way to one; picks what is asked for or fits this machine
- `slot`: an engine that can be exchanged while others run it
- `openvino_core`: the one core of a process; `shared_files`: written by several processes
- `samples`: inputs of a size, for timing
- `openvino`, `onnxruntime`, `torch`, `tensorrt/`: one runtime each
- `torch_plan`: torch's buffers and CUDA graph for a size; `torch_graph`: how one is captured;
  `torch_verified`: where torch was verified
- `plan_cache`, `int8_networks`: what was compiled or quantised for them, kept in the user's cache
"""
