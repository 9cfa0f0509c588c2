"""What a row is known by: its id, a hash of its content, a hash of its key columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from penstock.datasets.model import MAX_ROW_BYTES
from penstock.types import Json

_HASH_DIGITS = 32
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row as it is stored: JSON text, with the id it would like to have."""

    text: str
    hash: str
    wanted_id: str


def encode_row(data: Mapping[str, Json]) -> EncodedRow:
    """A row made ready to store. Raises ValueError, with the reason for people, when it cannot be stored."""
    try:
        text = msgspec.json.encode(data)
        content = hash_of(data)
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no Unicode text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except TypeError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if len(text) > MAX_ROW_BYTES:
        raise ValueError(f"it takes {len(text):,} bytes; the limit is {MAX_ROW_BYTES:,}")
    return EncodedRow(text.decode(), content, own_id(data) or content[:_ID_DIGITS])


def own_id(data: Mapping[str, Json]) -> str | None:
    """The value of the row's `id`, when that is a text or a whole number."""
    value = data.get("id")
    if isinstance(value, str):
        return value if 0 < len(value) <= 200 else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def hash_of(value: Json) -> str:
    """The same for equal JSON, whatever the order of its members."""
    return sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:_HASH_DIGITS]


def key_hash(data: Mapping[str, Json], columns: Sequence[str]) -> str | None:
    """What a row with the same values in `columns` shares; None when one of them is missing or null."""
    values = [data.get(column) for column in columns]
    if any(value is None for value in values):
        return None
    return hash_of([list(columns), [_plain(value) for value in values]])


def _plain(value: Json) -> Json:
    # 1 and 1.0 are one number in JSON, and a key read from a CSV column of numbers must meet a whole one.
    return int(value) if isinstance(value, float) and value.is_integer() else value
