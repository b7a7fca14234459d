# SPDX-License-Identifier: GPL-3.0-or-later
"""An ONNX network in fp16, for runtimes whose networks are strongly typed, as TensorRT's are.

Such a runtime computes in the types that the file states. Inputs and outputs stay float32, with a
Cast behind the former and before the latter, so that callers see no difference. No torch.
"""

from percast.errors import ModelError, one_line

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ModelError(f"fp16 plans need onnx ({error}): pip install onnx") from error

_COMPUTED = ".fp16"  # behind the name of what has a float32 twin outside


def to_fp16(network: bytes) -> bytes:
    """The same network, computing in fp16.

    Args:
        network: an ONNX file that computes in fp32; weights may be stored in fp16 behind a Cast to
            fp32, as `percast.engines.export.onnx_graph` writes them.

    Raises:
        ModelError: no ONNX file, or one whose numbers fp16 cannot hold.
    """
    try:
        model = onnx.load_model_from_string(network)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's share no base class but this
        raise ModelError(f"no ONNX network: {one_line(error)}") from error
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            _halve(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                if attribute.i == TensorProto.FLOAT:
                    attribute.i = TensorProto.FLOAT16
            elif attribute.t.data_type == TensorProto.FLOAT:  # of a Constant
                _halve(attribute.t)
    _cast_at_the_ends(graph)
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _halve(tensor: TensorProto) -> None:
    values = numpy_helper.to_array(tensor)
    if abs(values).max(initial=0) > 65504:
        raise ModelError(f"fp16 cannot hold the numbers in '{tensor.name}': use --precision fp32")
    tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), tensor.name))


def _cast_at_the_ends(graph: onnx.GraphProto) -> None:
    inputs = {port.name for port in graph.input if _is_float(port)}
    outputs = {port.name for port in graph.output if _is_float(port)}
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = name + _COMPUTED if name in inputs | outputs else name
        for i, name in enumerate(node.output):
            node.output[i] = name + _COMPUTED if name in outputs else name
    before = [_cast(name, name + _COMPUTED, TensorProto.FLOAT16) for name in sorted(inputs)]
    after = [_cast(name + _COMPUTED, name, TensorProto.FLOAT) for name in sorted(outputs)]
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*before, *nodes, *after])


def _cast(source: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"{result}.cast", to=kind)


def _is_float(port: onnx.ValueInfoProto) -> bool:
    return port.type.tensor_type.elem_type == TensorProto.FLOAT
