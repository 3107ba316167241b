"""Which types TFLM's kernels do not take: what is known without asking TFLM, for machines that have none.

From the kernels of tflite-micro of August 2026; `tests/host/test_against_tflm.py` asks TFLM itself on random graphs and
allows no refusal here that is none there. Standard library alone.
"""

from microfer.cost.step import CONVOLUTIONS, POOLS, Step

WEIGHTED = (*CONVOLUTIONS, "FULLY_CONNECTED", "TRANSPOSE_CONV")
_NO_FLOAT32_ALONE = frozenset(("INT8", "INT16", "UINT8", "FLOAT16"))

NOT_TAKEN = {
    **dict.fromkeys((*WEIGHTED, *POOLS, "ADD", "SUB", "MUL", "MEAN", "SOFTMAX"), frozenset(("UINT8", "FLOAT16"))),
    **dict.fromkeys(("EXP", "NEG"), _NO_FLOAT32_ALONE),
    **dict.fromkeys(("HARD_SWISH", "ELU"), frozenset(("INT16", "UINT8", "FLOAT16"))),
    "DEQUANTIZE": frozenset(("FLOAT16",)),
}
"""Operator -> types of its input for which there is no kernel."""


def refusal(step: Step) -> str | None:
    """Return why TFLM has no kernel for the types of an operator; None where nothing is known against it."""
    first, *others = step.types
    if first in NOT_TAKEN.get(step.kind, ()):
        name = f"{first} weights behind a DEQUANTIZE" if step.kind == "DEQUANTIZE" else f"{step.kind} on {first}"
        return f"TFLM has no kernel for {name}"
    if step.kind in WEIGHTED and first == "FLOAT32" and others and others[0] != "FLOAT32":
        return f"{first} input with {others[0]} weights (a dynamic range): TFLM has no such kernel"
    return None
