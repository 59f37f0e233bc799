"""Grain, or a word on how to get it."""

try:
    import grain
except ImportError as error:  # pragma: no cover - exercised in an environment without Grain
    raise ImportError("balanceidx_grain needs Grain: pip install 'balanceidx[grain]'") from error

__all__ = ["grain"]
