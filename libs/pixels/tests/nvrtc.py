"""NVIDIA's compiler for GPUs, from the wheel that has it: it needs neither a GPU nor a driver."""

import ctypes
import functools
import importlib.util
from pathlib import Path


@functools.cache
def _library():
    (folder,) = importlib.util.find_spec("nvidia.cuda_nvrtc").submodule_search_locations
    return ctypes.CDLL(str(next(Path(folder, "lib").glob("libnvrtc.so.*"))))


def compile_for(architecture, source, constants, *options):
    """Compile; give the code (PTX for a compute_… architecture) and what the compiler says."""
    library, program, size = _library(), ctypes.c_void_p(), ctypes.c_size_t()
    named = [f"-D{name}={number}" for name, number in constants.items()]
    given = [f"--gpu-architecture={architecture}", "--device-as-default-execution-space", *named, *options]
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        failed = library.nvrtcCompileProgram(
            program, len(given), (ctypes.c_char_p * len(given))(*map(str.encode, given))
        )
        said = _text(library, "ProgramLog", program, size).decode()
        assert not failed, said
        return _text(library, "PTX" if "compute" in architecture else "CUBIN", program, size), said
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library, what, program, size):
    assert getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)) == 0
    text = ctypes.create_string_buffer(size.value)
    assert getattr(library, f"nvrtcGet{what}")(program, text) == 0
    return text.raw
