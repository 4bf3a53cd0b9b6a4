"""In place of sglang-kernel, whose published builds need a GPU: SGLang runs plain torch instead.

Whatever SGLang takes from here may be imported, and raises where it is called: the paths that it
takes on a CPU without AMX never call it. Beside that, the two things of CUDA that the prefill's
sending of KV cache uses without a look at the device (0.5.23): pinned memory is ordinary memory,
and an event has always happened.
"""

import functools
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch

__version__ = "0.4.10"
"""The release that SGLang 0.5.23 asks for."""


class _Absent:
    """A kernel that is not there, or a class or a group of them."""

    def __init__(self, name):
        self.__name__ = name

    def __call__(self, *_arguments, **_options):
        raise NotImplementedError(f"{self.__name__} needs a GPU")

    def __getattr__(self, name):
        return _absent(self.__name__, name)


def _absent(owner, name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Absent(f"{owner}.{name}")


def __getattr__(name):
    return _absent(__name__, name)


class _Submodules(MetaPathFinder, Loader):
    """Finds any module below this one, with nothing but absent kernels in it."""

    def find_spec(self, fullname, _path=None, _target=None):
        below = fullname.startswith(f"{__name__}.")
        return ModuleSpec(fullname, self, is_package=True) if below else None

    def create_module(self, spec):
        module = ModuleType(spec.name)
        module.__getattr__ = functools.partial(_absent, spec.name)
        return module

    def exec_module(self, module):
        module.__path__ = []


class _Happened:
    """A CUDA event on a machine without CUDA."""

    def __init__(self, *_arguments, **_options):
        pass

    def record(self, *_arguments, **_options):
        pass

    wait = synchronize = record

    def query(self):
        return True

    def elapsed_time(self, _other):
        return 0.0


def _without_pinning(make):
    @functools.wraps(make)
    def made(*arguments, **options):
        options.pop("pin_memory", None)
        return make(*arguments, **options)

    return made


sys.meta_path.append(_Submodules())

if not torch.cuda.is_available():
    for _name in ("empty", "zeros", "ones", "full", "tensor", "arange", "empty_like", "zeros_like"):
        setattr(torch, _name, _without_pinning(getattr(torch, _name)))
    torch.Tensor.pin_memory = lambda tensor, *_arguments, **_options: tensor
    torch.cuda.Event = _Happened
    # Two functions: torch's compiler refuses one that stands under two names.
    torch.cuda.current_stream = lambda *_arguments, **_options: None
    torch.cuda.set_device = lambda *_arguments, **_options: None
