"""How each peer of peers.py is called: per peer a generator of (variant, op, call returning the loss) for a batch.

  torch        eager as called (new gradient each time), the same ATen calls into reused buffers, torch.compile
  jax          jit of optax' sparse cross entropy, written out; int32 targets, as JAX has no int64 by default
  onnxruntime  one SoftmaxCrossEntropyLoss node with bound outputs; it has no gradient outside training builds
  tensorflow   tf.function of sparse_softmax_cross_entropy_with_logits, as its ops and as one XLA program
  onednn       log softmax and its backward by the C API, into reused buffers; the gather and the scatter around them by numpy
  iree         linalg ops written out, the gradient as well; f32
"""

import ctypes
import os
import sys

FORWARD = "cross_entropy_forward"
FORWARD_BACKWARD = "cross_entropy_forward_backward"


class Unsupported(Exception):
    """A peer cannot do this case; the text says why."""


def torch_variants(batch, threads):
    import torch
    import torch._dynamo
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch._dynamo.reset()  # after eight shapes it would run the function uncompiled
    x = torch.from_numpy(batch.logits)
    if batch.dtype == "bf16":
        x = x.view(torch.int16).view(torch.bfloat16)
    y = torch.from_numpy(batch.target)
    leaf = x.clone().requires_grad_()

    def eager_forward():
        with torch.no_grad():
            return F.cross_entropy(x, y)

    def eager_backward():
        leaf.grad = None
        loss = F.cross_entropy(leaf, y)
        loss.backward()
        return loss.detach()

    yield "torch-eager", FORWARD, eager_forward
    yield "torch-eager", FORWARD_BACKWARD, eager_backward

    # The calls that autograd makes, into memory that is there already. Spatial logits have ops of their own, for [N, C, H, W] only.
    aten = torch.ops.aten
    spatial = x.dim() > 2
    shape4 = x if not spatial else x.reshape(x.shape[0], x.shape[1], -1, x.shape[-1])
    target = y if not spatial else y.reshape(shape4.shape[0], *shape4.shape[2:])
    nll = aten.nll_loss2d_forward.output if spatial else aten.nll_loss_forward.output
    nll_back = aten.nll_loss2d_backward.grad_input if spatial else aten.nll_loss_backward.grad_input
    log_probs, grad, dense = (torch.empty_like(shape4) for _ in range(3))
    loss, total = torch.empty((), dtype=x.dtype), torch.empty((), dtype=x.dtype)
    one = torch.ones((), dtype=x.dtype)

    def out_forward():
        aten._log_softmax.out(shape4, 1, False, out=log_probs)
        nll(log_probs, target, None, 1, -100, output=loss, total_weight=total)
        return loss

    def out_backward():
        out_forward()
        nll_back(one, log_probs, target, None, 1, -100, total, grad_input=dense)
        aten._log_softmax_backward_data.out(dense, log_probs, 1, x.dtype, out=grad)
        return loss

    yield "torch-out", FORWARD, out_forward
    yield "torch-out", FORWARD_BACKWARD, out_backward

    compiled = torch.compile(F.cross_entropy, dynamic=False)

    def compiled_forward():
        with torch.no_grad():
            return compiled(x, y)

    def compiled_backward():
        leaf.grad = None
        value = compiled(leaf, y)
        value.backward()
        return value.detach()

    yield "torch-compile", FORWARD, compiled_forward
    yield "torch-compile", FORWARD_BACKWARD, compiled_backward


def jax_variants(batch, threads):
    del threads  # the process's affinity sets them
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp
    import ml_dtypes
    import numpy as np

    if batch.dtype == "f64":
        jax.config.update("jax_enable_x64", True)
    logits = batch.logits.view(ml_dtypes.bfloat16) if batch.dtype == "bf16" else batch.logits
    x, y = jax.device_put(logits), jax.device_put(batch.target.astype(np.int32))

    def loss(x, y):
        x, y = jnp.moveaxis(x, 1, -1), y[..., None]
        return jnp.mean(jax.scipy.special.logsumexp(x, axis=-1) - jnp.take_along_axis(x, y, axis=-1)[..., 0])

    forward, both = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
    yield "jax-jit", FORWARD, lambda: forward(x, y).block_until_ready()
    yield "jax-jit", FORWARD_BACKWARD, lambda: jax.block_until_ready(both(x, y))[0]


def onnxruntime_variants(batch, threads):
    import onnxruntime
    from onnx import TensorProto, helper

    if batch.dtype not in ("f32", "f64"):
        raise Unsupported("SoftmaxCrossEntropyLoss runs in f32 and f64 only")
    kind = TensorProto.FLOAT if batch.dtype == "f32" else TensorProto.DOUBLE
    graph = helper.make_graph(
        [helper.make_node("SoftmaxCrossEntropyLoss", ["x", "y"], ["loss"], reduction="mean")], "loss",
        [helper.make_tensor_value_info("x", kind, batch.shape),
         helper.make_tensor_value_info("y", TensorProto.INT64, batch.target.shape)],
        [helper.make_tensor_value_info("loss", kind, [])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(batch.logits))
    binding.bind_ortvalue_input("y", onnxruntime.OrtValue.ortvalue_from_numpy(batch.target))
    binding.bind_output("loss")

    def forward():
        session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()[0]

    yield "onnxruntime", FORWARD, forward


def tensorflow_variants(batch, threads):
    import ml_dtypes
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)  # the same number as before is no error
    x = tf.constant(batch.logits.view(ml_dtypes.bfloat16) if batch.dtype == "bf16" else batch.logits)
    y = tf.constant(batch.target)

    def loss(x, y):
        if len(x.shape) > 2:  # the op takes classes last only
            x = tf.transpose(x, [0, *range(2, len(x.shape)), 1])
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x))

    def both(x, y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x, y)
        return value, tape.gradient(value, x)

    for name, xla in (("tensorflow", False), ("tensorflow-xla", True)):
        forward, forward_backward = (tf.function(f, jit_compile=xla) for f in (loss, both))
        yield name, FORWARD, lambda f=forward: f(x, y)
        yield name, FORWARD_BACKWARD, lambda f=forward_backward: f(x, y)[0]


class OneDnn:
    """The part of oneDNN's C API that a log softmax needs. Handles live as long as the process: there are few."""

    SRC, DST, DIFF_SRC, DIFF_DST = 1, 17, 129, 145
    TYPES = {"f16": 1, "bf16": 2, "f32": 3}

    class Argument(ctypes.Structure):
        _fields_ = [("name", ctypes.c_int), ("memory", ctypes.c_void_p)]

    class Version(ctypes.Structure):
        _fields_ = [(name, ctypes.c_int) for name in ("major", "minor", "patch")]

    def __init__(self):
        # The wheel's build runs on SYCL's CPU device, which is an OpenCL driver; the loader knows none of these folders.
        folder = os.path.join(sys.prefix, "lib", "")
        os.environ["OCL_ICD_FILENAMES"] = folder + "libintelocl.so"
        for name in ("intlc.so.5", "imf.so", "svml.so", "tbb.so.12", "sycl.so.9", "dnnl.so.3"):
            self.library = ctypes.CDLL(f"{folder}lib{name}")
        self.engine = self.make("engine_create", 1, ctypes.c_size_t(0))  # the CPU
        self.stream = self.make("stream_create", self.engine, 1)  # in order

    def version(self):
        self.library.dnnl_version.restype = ctypes.POINTER(self.Version)
        version = self.library.dnnl_version().contents
        return f"{version.major}.{version.minor}.{version.patch}"

    def make(self, function, *arguments):
        handle = ctypes.c_void_p()
        status = getattr(self.library, "dnnl_" + function)(ctypes.byref(handle), *arguments)
        if status == 3:
            raise Unsupported(f"{function}: not implemented on this processor")
        if status:
            raise RuntimeError(f"{function}: status {status}")
        return handle

    def layout(self, array, dtype):
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        strides = (ctypes.c_int64 * array.ndim)(*(size // array.itemsize for size in array.strides))
        return self.make("memory_desc_create_with_strides", array.ndim, dims, self.TYPES[dtype], strides)

    def call(self, primitive_desc, arrays):
        """A Python function that runs the primitive on {argument: (layout, array)}."""
        primitive = self.make("primitive_create", primitive_desc)
        arguments = (self.Argument * len(arrays))()
        for slot, (name, (layout, array)) in zip(arguments, arrays.items()):
            slot.name = name
            slot.memory = self.make("memory_create", layout, self.engine, ctypes.c_void_p(array.ctypes.data)).value

        def run():
            status = self.library.dnnl_primitive_execute(primitive, self.stream, len(arguments), arguments)
            status = status or self.library.dnnl_stream_wait(self.stream)
            if status:
                raise RuntimeError(f"primitive_execute: status {status}")

        run.arrays = arrays  # the memory objects do not own them
        return run


def onednn_variants(batch, threads):
    del threads  # the process's affinity sets them
    import numpy as np

    if batch.dtype not in OneDnn.TYPES:
        raise Unsupported("softmax runs in f32, bf16 and f16 only")
    dnnl, log_softmax = OneDnn(), 0x30001
    log_probs, dense, gradient = (np.zeros_like(batch.logits) for _ in range(3))
    layout = dnnl.layout(batch.logits, batch.dtype)
    forward_desc = dnnl.make("softmax_forward_primitive_desc_create", dnnl.engine, 64, log_softmax, layout, layout, 1, None)  # 64: training
    run_forward = dnnl.call(forward_desc, {OneDnn.SRC: (layout, batch.logits), OneDnn.DST: (layout, log_probs)})

    # Where each row's target lies among the logits, and -1 / rows as an element.
    rows = batch.target.size
    first = np.arange(batch.logits.size, dtype=np.int64).reshape(batch.shape)[:, 0]
    index = (first + batch.target * (batch.logits.strides[1] // batch.logits.itemsize)).ravel()
    picked = np.empty(rows, batch.logits.dtype)
    value = np.float32(-1 / rows)
    if batch.dtype == "bf16":
        value = np.uint16((int(value.view(np.uint32)) + 0x8000) >> 16)

    def forward():
        run_forward()
        np.take(log_probs.reshape(-1), index, out=picked, mode="clip")  # with "raise" numpy would buffer the output
        values = (picked.astype(np.uint32) << 16).view(np.float32) if batch.dtype == "bf16" else picked
        return -values.mean(dtype=np.float32)

    backward_desc = dnnl.make("softmax_backward_primitive_desc_create", dnnl.engine, log_softmax, layout, layout, layout, 1,
                              forward_desc, None)
    run_backward = dnnl.call(backward_desc, {
        OneDnn.DST: (layout, log_probs), OneDnn.DIFF_DST: (layout, dense), OneDnn.DIFF_SRC: (layout, gradient)})

    def forward_backward():
        loss = forward()
        dense.fill(0)
        dense.reshape(-1)[index] = value
        run_backward()
        return loss

    yield "onednn", FORWARD, forward
    yield "onednn", FORWARD_BACKWARD, forward_backward


def iree_text(rows, classes, places, gradient):
    """Cross entropy of [rows, classes, places] in MLIR: the largest logit, the sum of exponentials, the mean loss, and the gradient."""
    x, y, each = f"tensor<{rows}x{classes}x{places}xf32>", f"tensor<{rows}x{places}xi64>", f"tensor<{rows}x{places}xf32>"
    whole, part, mean = ("affine_map<(r, p, c) -> (r, c, p)>", "affine_map<(r, p, c) -> (r, p)>", "affine_map<(r, p) -> ()>")
    row = "affine_map<(r, p) -> (r, p)>"
    over_classes = 'iterator_types = ["parallel", "parallel", "reduction"]'
    text = f"""
      func.func @main(%x: {x}, %y: {y}) -> {f"(tensor<f32>, {x})" if gradient else "tensor<f32>"} {{
        %zero = arith.constant 0.0 : f32
        %one = arith.constant 1.0 : f32
        %low = arith.constant 0xFF800000 : f32
        %count = arith.constant {rows * places}.0 : f32
        %each = tensor.empty() : {each}
        %scalar = tensor.empty() : tensor<f32>
        %lowest = linalg.fill ins(%low : f32) outs(%each : {each}) -> {each}
        %zeros = linalg.fill ins(%zero : f32) outs(%each : {each}) -> {each}
        %nothing = linalg.fill ins(%zero : f32) outs(%scalar : tensor<f32>) -> tensor<f32>
        %max = linalg.generic {{indexing_maps = [{whole}, {part}], {over_classes}}} ins(%x : {x}) outs(%lowest : {each}) {{
          ^bb0(%v: f32, %most: f32):
            %r = arith.maximumf %v, %most : f32
            linalg.yield %r : f32
        }} -> {each}
        %sum = linalg.generic {{indexing_maps = [{whole}, {part}, {part}], {over_classes}}}
            ins(%x, %max : {x}, {each}) outs(%zeros : {each}) {{
          ^bb0(%v: f32, %most: f32, %so_far: f32):
            %d = arith.subf %v, %most : f32
            %e = math.exp %d : f32
            %r = arith.addf %e, %so_far : f32
            linalg.yield %r : f32
        }} -> {each}
        %loss = linalg.generic {{indexing_maps = [{row}, {row}, {row}, {mean}], iterator_types = ["reduction", "reduction"]}}
            ins(%max, %sum, %y : {each}, {each}, {y}) outs(%nothing : tensor<f32>) {{
          ^bb0(%most: f32, %exps: f32, %class: i64, %so_far: f32):
            %i = linalg.index 0 : index
            %k = arith.index_cast %class : i64 to index
            %j = linalg.index 1 : index
            %target = tensor.extract %x[%i, %k, %j] : {x}
            %log = math.log %exps : f32
            %lse = arith.addf %most, %log : f32
            %d = arith.subf %lse, %target : f32
            %q = arith.divf %d, %count : f32
            %r = arith.addf %q, %so_far : f32
            linalg.yield %r : f32
        }} -> tensor<f32>
    """
    if not gradient:
        return text + "return %loss : tensor<f32> }"
    return text + f"""
        %empty = tensor.empty() : {x}
        %gradient = linalg.generic {{indexing_maps = [{whole}, {part}, {part}, {part}, {whole}],
            iterator_types = ["parallel", "parallel", "parallel"]}}
            ins(%x, %max, %sum, %y : {x}, {each}, {each}, {y}) outs(%empty : {x}) {{
          ^bb0(%v: f32, %most: f32, %exps: f32, %class: i64, %unused: f32):
            %i = linalg.index 2 : index
            %k = arith.index_cast %i : index to i64
            %hit = arith.cmpi eq, %k, %class : i64
            %onehot = arith.select %hit, %one, %zero : f32
            %d = arith.subf %v, %most : f32
            %e = math.exp %d : f32
            %softmax = arith.divf %e, %exps : f32
            %g = arith.subf %softmax, %onehot : f32
            %r = arith.divf %g, %count : f32
            linalg.yield %r : f32
        }} -> {x}
        return %loss, %gradient : tensor<f32>, {x} }}
    """


def iree_variants(batch, threads):
    import iree.compiler
    import iree.runtime
    import numpy as np

    if batch.dtype != "f32":
        raise Unsupported("written out for f32 only")
    iree.runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
    config = iree.runtime.Config("local-task")
    shape = [batch.shape[0], batch.shape[1], int(np.prod(batch.shape[2:]))]
    x = iree.runtime.asdevicearray(config.device, batch.logits.reshape(shape))
    y = iree.runtime.asdevicearray(config.device, batch.target.reshape(shape[0], shape[2]))

    def program(gradient):
        options = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host",
                   "--iree-opt-level=O3"]
        code = iree.compiler.compile_str(iree_text(*shape, gradient), extra_args=options)
        return iree.runtime.load_vm_module(iree.runtime.VmModule.copy_buffer(config.vm_instance, code), config).main

    forward, both = program(False), program(True)
    # The result is waited for when it is asked for.
    yield "iree", FORWARD, lambda: forward(x, y).to_host()
    yield "iree", FORWARD_BACKWARD, lambda: both(x, y)[0].to_host()


def iree_version():
    import iree.compiler.version

    return iree.compiler.version.VERSION


PEERS = {"torch": torch_variants, "jax": jax_variants, "onnxruntime": onnxruntime_variants, "tensorflow": tensorflow_variants,
         "onednn": onednn_variants, "iree": iree_variants}
VERSIONS = {"onednn": lambda: OneDnn().version(), "iree": iree_version}  # of the others: their module's __version__
