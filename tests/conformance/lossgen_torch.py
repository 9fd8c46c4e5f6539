"""The C API on torch tensors, through ctypes."""

import ctypes

import torch

REDUCTIONS = {"mean": 0, "sum": 1, "none": 2}
DTYPES = {torch.float32: (2, 32), torch.float64: (2, 64), torch.float16: (2, 16), torch.bfloat16: (4, 16),
          torch.int64: (0, 64), torch.int32: (0, 32), torch.uint8: (1, 8)}


class Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("id", ctypes.c_int)]


class DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", Device), ("rank", ctypes.c_int32), ("dtype", DataType),
                ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p), ("byte_offset", ctypes.c_uint64)]


class Options(ctypes.Structure):  # lossgen_options up to `threads`; the rest takes its defaults
    _fields_ = [("size", ctypes.c_size_t), ("reduction", ctypes.c_int), ("ignore_mode", ctypes.c_int),
                ("ignore_index", ctypes.c_int64), ("class_axis_given", ctypes.c_int32), ("class_axis", ctypes.c_int32),
                ("weight", ctypes.c_void_p), ("row_weight", ctypes.c_void_p), ("grad_loss", ctypes.c_void_p),
                ("label_smoothing", ctypes.c_double), ("z_loss", ctypes.c_double), ("bounds", ctypes.c_int),
                ("denominator", ctypes.c_int), ("denominator_value", ctypes.c_double),
                ("empty_mean_is_zero", ctypes.c_int32), ("threads", ctypes.c_int32)]


class Lossgen:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.lossgen_last_error.restype = ctypes.c_char_p

    def has(self, name):
        return hasattr(self.library, name)

    def call(self, name, *arguments, **options):
        """options: fields of lossgen_options; "options" among the arguments stands for them."""
        kept = []

        def tensor(t):
            shape, strides = (ctypes.c_int64 * t.dim())(*t.shape), (ctypes.c_int64 * t.dim())(*t.stride())
            view = Tensor(t.data_ptr(), Device(1, 0), t.dim(), DataType(*DTYPES[t.dtype], 1), ctypes.addressof(shape),
                          ctypes.addressof(strides), 0)
            kept.extend([shape, strides, view])
            return view

        filled = Options(ctypes.sizeof(Options))
        for field, value in options.items():
            setattr(filled, field, ctypes.addressof(tensor(value)) if isinstance(value, torch.Tensor) else value)

        def convert(a):
            if isinstance(a, torch.Tensor):
                return ctypes.byref(tensor(a))
            return ctypes.byref(filled) if isinstance(a, str) and a == "options" else a

        if getattr(self.library, name)(*map(convert, arguments)) != 0:
            raise RuntimeError(self.library.lossgen_last_error().decode())
