"""Compute units (ECU): one measure for what work costs to run, whatever model it calls.

Every model here is called with its owner's key, so the provider bills its tokens; what Penstock counts is its own work.
"""

from __future__ import annotations

from penstock.models.usage import MICROS_PER_ECU

CALL_MICROS = MICROS_PER_ECU // 100
"""One answered model call: 0.01 ECU."""
