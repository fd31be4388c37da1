"""What this computer can do: memory, device, dtype. Asked once, when first needed."""

import os
import time
from pathlib import Path

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
OWN_BYTES = 700_000_000  # interpreter, libraries and page
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def parse_bytes(text: str) -> int | None:
    """Bytes of an amount such as "16Gi" (17179869184); None for what is none ("max")."""
    text = text.strip().lower().removesuffix("b")
    number = text.rstrip("kmgi")
    try:
        return int(float(number) * UNITS[text[len(number) :]])
    except (ValueError, KeyError):
        return None


def memory_limit(root: str = "/") -> int:
    """Bytes this process may use: a Space's MEMORY, the container's limit, else the host's memory."""
    import psutil

    limits = [psutil.virtual_memory().total]
    limits += [parse_bytes(os.environ["MEMORY"]) or limits[0]] if "MEMORY" in os.environ else []
    for name in CGROUP_LIMITS:
        path = Path(root, name.lstrip("/"))
        if path.is_file():
            limits.append(parse_bytes(path.read_text()) or limits[0])
    return min(limits)


def default_budget() -> int:
    """Bytes for models and kept states: 80 % of the limit, less what the program itself takes."""
    return max(200_000_000, int(memory_limit() * 0.8) - OWN_BYTES)


def choose_device() -> str:
    """The first of "cuda", "mps", "cpu" that is there."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def bf16_pays(device: str) -> bool:
    """Whether bfloat16 matrices multiply faster than float32 ones here (measured on the CPU: where it is
    not built in, it can be 500 times slower)."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device == "mps":
        return False

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones(8, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
        left @ right
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            left @ right
            best = min(best, time.perf_counter() - start)
        return best

    return seconds(torch.bfloat16) < 0.8 * seconds(torch.float32)


def choose_dtype(stored: str, device: str, bf16: bool) -> str:
    """The dtype weights stored as `stored` are computed in: float16 only on an accelerator, bfloat16 only
    where it pays, else float32."""
    if stored == "float16" and device in ("cuda", "mps"):
        return "float16"
    if stored == "bfloat16" and bf16:
        return "bfloat16"
    if stored == "bfloat16" and device == "mps":
        return "float16"
    return "float32"


def spare_arenas() -> None:
    """Let the C library allocate from two arenas, not from eight for each core: runs are short-lived threads, and
    each arena keeps freed memory in pieces that nobody else can use. Before the threads begin; glibc only."""
    import ctypes
    import sys

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(-8, 2)  # M_ARENA_MAX


def release_memory() -> None:
    """Return what dropped models held: to the device, and from the C library to the system."""
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim()


def trim() -> None:
    """Give back to the system what the C library keeps of freed memory: many short-lived threads leave it in pieces
    (measured: 108 of 800 MB after five minutes of thirty visitors; 0.1 s, and Python goes on meanwhile)."""
    import ctypes
    import sys

    if sys.platform == "linux":
        malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if malloc_trim is not None:
            malloc_trim(0)
