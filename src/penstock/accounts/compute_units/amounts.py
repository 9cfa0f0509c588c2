"""Amounts of compute units as people write them: decimal strings, to the millionth."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from penstock.errors import FieldError, Invalid
from penstock.models.usage import MICROS_PER_ECU, ecu_from_micros

MOST_UNITS = 1_000_000_000
"""No single amount is more, so that no sum of them leaves 64 bits unseen."""
MOST_BALANCE_MICROS = 1_000 * MOST_UNITS * MICROS_PER_ECU
_MOST_CHARS = 40


def micros_of(text: str, field: str, *, least: int, most: int = MOST_UNITS * MICROS_PER_ECU) -> int:
    """Whole millionths between `least` and `most`. Raises `Invalid` naming the field."""
    try:
        amount = Decimal(text) if len(text) <= _MOST_CHARS else Decimal("nan")
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or abs(amount) > MOST_BALANCE_MICROS:
        raise _invalid(field, least, most)
    micros = amount * MICROS_PER_ECU
    if micros != micros.to_integral_value() or not least <= micros <= most:
        raise _invalid(field, least, most)
    return int(micros)


def _invalid(field: str, least: int, most: int) -> Invalid:
    fault = f"must be a decimal from {ecu_from_micros(least)} to {ecu_from_micros(most)} with at most six places"
    return Invalid("compute_units_invalid", f"{field} {fault}.", errors=(FieldError(field, fault),))
