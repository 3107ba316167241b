"""The two tables by which the firmware calibrates confidences in integers. Standard library alone.

`decimal` rounds its logarithms and powers correctly, so the tables are the same on every computer.
"""

from decimal import ROUND_HALF_UP, Decimal, localcontext

PRECISION = 40
"""Decimal digits to compute with: 29 more than a table's entry has, so that its last bit is right."""


def log2_q24() -> list[int]:
    """Return round(2**24 * log2(p)) for p = 0..255; the first entry, whose logarithm does not exist, is 0."""
    with localcontext(prec=PRECISION):
        return [0] + [_rounded(2**24 * Decimal(p).ln() / Decimal(2).ln()) for p in range(1, 256)]


def power_of_half_q31() -> list[int]:
    """Return round(2**31 * 2**-(i / 256)) for i = 0..256."""
    with localcontext(prec=PRECISION):
        return [_rounded(2**31 * (Decimal(2).ln() * -i / 256).exp()) for i in range(257)]


def header() -> str:
    """Return the whole text of firmware/lib/prediction/tables.h."""
    return f"""// Written by scripts/generate.py; change that instead.

#ifndef MICROFER_PREDICTION_TABLES_H_
#define MICROFER_PREDICTION_TABLES_H_

#include <cstdint>

namespace microfer {{

// clang-format off

// round(2^24 * log2(p)) for p = 0..255; there is no logarithm of 0.
inline constexpr std::uint32_t kLog2Q24[256] = {{
{_rows(log2_q24())}
}};

// round(2^31 * 2^-(i / 256)) for i = 0..256.
inline constexpr std::uint32_t kPowerOfHalfQ31[257] = {{
{_rows(power_of_half_q31())}
}};

// clang-format on

}}  // namespace microfer

#endif  // MICROFER_PREDICTION_TABLES_H_
"""


def _rounded(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_HALF_UP))


def _rows(numbers: list[int]) -> str:
    rows = (numbers[begin : begin + 8] for begin in range(0, len(numbers), 8))
    return "\n".join("    " + ", ".join(map(str, row)) + "," for row in rows)
