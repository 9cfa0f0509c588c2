"""`/compute-units`: what an organization has left, who gave it, and what things take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.accounts.compute_units.amounts import MOST_UNITS, micros_of
from penstock.accounts.compute_units.balances import Grant
from penstock.accounts.compute_units.rates import NAMES, RatesVersion
from penstock.accounts.scopes import ADMIN
from penstock.clock import iso
from penstock.errors import FieldError, Invalid
from penstock.models.usage import MICROS_PER_ECU, ecu_from_micros
from penstock.server.answers import answer, maybe_iso, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, header, page_of, ref
from penstock.server.idempotency import MAX_KEY_LENGTH, idempotency
from penstock.storage.compute_units import Account, EntryKind

router = APIRouter(tags=["compute units"])
Reader = Annotated[Call, needs("usage:read")]
Admin = Annotated[Call, needs(ADMIN)]
Rate = Annotated[str, Field(pattern=r"^[0-9]{1,5}(\.[0-9]{1,6})?$", max_length=12)]
Amount = Annotated[str, Field(pattern=r"^-?[0-9]{1,10}(\.[0-9]{1,6})?$", max_length=18)]

_MOST_MICROS = MOST_UNITS * MICROS_PER_ECU
_KEY = header(
    "Idempotency-Key",
    "The same key with the same body gives once, however often and late it is sent; with another body it is refused.",
    {"type": "string", "maxLength": MAX_KEY_LENGTH},
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class BalanceBody(_Body):
    """Whether the balance is a limit."""

    limited: bool = Field(description="False: what is used is counted, and taken from nothing.")


class GrantBody(_Body):
    """Units to add to the balance."""

    amount: Amount = Field(description="A decimal; of an adjustment it may be negative.")
    kind: Literal["grant", "adjustment"] = Field(
        "grant", description="A grant makes the balance a limit, and warnings are shares of the last one."
    )
    note: str | None = Field(None, max_length=500, description="Why, for whoever reads the ledger.")


class RatesBody(_Body):
    """All rates, as decimals of a compute unit up to 10,000."""

    inference: Rate = Field(description="A call of a model.")
    judge: Rate = Field(description="A call of a judge or an LLM scorer.")
    trace_evaluation: Rate = Field(description="A judge on a trace; its further turns are calls of a judge.")
    metric: Rate = Field(description="A metric call of an optimization.")
    usd: Rate = Field(description="A dollar of a model that the operator pays for.")
    million_tokens: Rate = Field(description="A million tokens of such a model whose price is not known.")


class Balance(msgspec.Struct, rename="camel", kw_only=True):
    """What the organization has. While it is not `limited`, the amounts are null and nothing is refused."""

    limited: bool
    balance: str | None
    reserved: str | None
    available: str | None
    last_grant: str | None
    rates_version: int


class Rates(msgspec.Struct, rename="camel", kw_only=True):
    """A version of the rates; version 0 is what Penstock comes with."""

    version: int
    inference: str
    judge: str
    trace_evaluation: str
    metric: str
    usd: str
    million_tokens: str
    created_by: str | None
    created_at: str | None


class LedgerEntry(msgspec.Struct, rename="camel", kw_only=True):
    """A line of the ledger. `balance` and `reserved` are changes, `used` is what a settlement counts in any case."""

    number: int
    kind: EntryKind
    at: str
    balance: str
    reserved: str
    used: str
    project_id: str | None
    execution_id: str | None
    execution_kind: str | None
    key_id: str | None
    note: str | None


SCHEMAS = (BalanceBody, GrantBody, RatesBody, Balance, Rates, LedgerEntry)


@router.get("/compute-units", **doc("Show what is left", returns=ref(Balance), problems=(401, 403)))
async def get_balance(call: Reader) -> Response:
    """`available` is the balance without what running work holds of it."""
    return await _shown(call, await call.engine.compute_units.balances.of(call.tenant))


@router.put(
    "/compute-units",
    **doc("Limit by the balance or not", body=ref(BalanceBody), returns=ref(Balance), problems=(400, 401, 403)),
)
async def put_balance(call: Admin) -> Response:
    """Whether new work is refused when nothing is left. The balance itself stays as it is."""
    body = await call.body(BalanceBody)
    account = await call.engine.compute_units.balances.set_limited(call.tenant, limited=body.limited)
    return await _shown(call, account)


@router.post(
    "/compute-units/grants",
    **doc(
        "Grant compute units",
        status=201,
        body=ref(GrantBody),
        returns=ref(LedgerEntry),
        problems=(400, 401, 403, 422),
        extra={"parameters": [_KEY]},
    ),
)
async def grant(call: Admin) -> Response:
    """Add to the balance of the organization, or correct it. Send an Idempotency-Key: nobody is given to twice."""
    body = await call.body(GrantBody)
    least = 1 if body.kind == "grant" else -_MOST_MICROS
    micros = micros_of(body.amount, "amount", least=least, most=_MOST_MICROS)
    if not micros:
        detail = "An adjustment changes something: give an amount other than 0."
        raise Invalid("compute_units_invalid", detail, errors=(FieldError("amount", detail),))
    key, digest = idempotency(call, "grant", body.model_dump())
    wanted = Grant(body.kind, micros, body.note, call.principal.key_id, key, digest)
    return answer(_entry(await call.engine.compute_units.balances.grant(call.tenant, wanted)), 201)


@router.get("/compute-units/entries", **doc("Read the ledger", returns=page_of(LedgerEntry), problems=(400, 401, 403)))
async def list_entries(call: Admin, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Every grant, reservation, settlement and warning of the organization, newest first."""
    found = await call.engine.compute_units.balances.entries(call.tenant, _before(cursor), limit + 1)
    following = str(found[limit - 1]["no"]) if len(found) > limit else None
    return page([_entry(row) for row in found[:limit]], following)


@router.get("/compute-units/rates", **doc("Show the rates", returns=ref(Rates), problems=(401, 403, 404)))
async def get_rates(
    call: Reader, version: Annotated[int | None, Query(ge=0, le=2**31, description="The newest when left out.")] = None
) -> Response:
    """What things take. An execution keeps the version it was submitted under."""
    book = call.engine.compute_units.rates
    found = book.current(call.tenant) if version is None else book.version(call.tenant, version)
    return answer(_rates(await found))


@router.put(
    "/compute-units/rates",
    **doc("Change the rates", body=ref(RatesBody), returns=ref(Rates), problems=(400, 401, 403)),
)
async def put_rates(call: Admin) -> Response:
    """Makes a new version, for what is submitted from now on; what runs keeps its own."""
    body = await call.body(RatesBody)
    book = call.engine.compute_units.rates
    return answer(_rates(await book.change(call.tenant, body.model_dump(), call.principal.key_id)))


async def _shown(call: Call, account: Account) -> Response:
    rates = await call.engine.compute_units.rates.current(call.tenant)
    limited = account.limited
    return answer(
        Balance(
            limited=limited,
            balance=ecu_from_micros(account.balance_micros) if limited else None,
            reserved=ecu_from_micros(account.reserved_micros) if limited else None,
            available=ecu_from_micros(account.available_micros) if limited else None,
            last_grant=ecu_from_micros(account.granted_micros) if limited else None,
            rates_version=rates.version,
        )
    )


def _rates(found: RatesVersion) -> Rates:
    amounts: dict[str, str] = {name: ecu_from_micros(getattr(found.rates, name)) for name in NAMES}
    made = maybe_iso(found.created_at)
    return Rates(version=found.version, created_by=found.created_by, created_at=made, **amounts)


def _entry(row: Any) -> LedgerEntry:
    return LedgerEntry(
        number=row["no"],
        kind=row["kind"],
        at=iso(row["at"]),
        balance=ecu_from_micros(row["balance_micros"]),
        reserved=ecu_from_micros(row["reserved_micros"]),
        used=ecu_from_micros(row["used_micros"]),
        project_id=row["project_id"],
        execution_id=row["execution_id"],
        execution_kind=row["execution_kind"],
        key_id=row["key_id"],
        note=row["note"],
    )


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        detail = "This cursor was not made here; take nextCursor of the page before."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
    return int(cursor)
