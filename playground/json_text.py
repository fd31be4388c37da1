"""JSON text as pages and files get it: compact, numbers as exact as they are, nothing that a browser cannot read."""

import json
import math
from typing import Any


def rounded(value: Any) -> Any:
    """The same JSON value with numbers to seven digits; JSON has no infinity, so -inf becomes -1e38."""
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return float(f"{value:.7g}") if math.isfinite(value) else math.copysign(1e38, value)
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return value


def dumps(value: Any) -> str:
    """Compact JSON that every browser can read."""
    return json.dumps(rounded(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
