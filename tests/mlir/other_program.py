"""A program without MLIR that loads the plugin: what the plugin answers is what makes mlir-opt refuse it."""

import ctypes
import sys


class Info(ctypes.Structure):
    _fields_ = [("api", ctypes.c_uint32), ("name", ctypes.c_char_p), ("version", ctypes.c_char_p),
                ("run", ctypes.c_void_p)]


plugin = ctypes.CDLL(sys.argv[1])
plugin.mlirGetDialectPluginInfo.restype = Info
print("api", plugin.mlirGetDialectPluginInfo().api)
