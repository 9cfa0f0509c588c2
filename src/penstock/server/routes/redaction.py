"""`/redaction`: what logs and callbacks of the key's project do not show."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.accounts.redaction import ProjectRedaction
from penstock.redaction import MAX_RULE_LENGTH, MAX_RULES, Redaction
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import doc, ref

router = APIRouter(tags=["limits"])
Reader = Annotated[Call, needs("limits:read")]
Writer = Annotated[Call, needs("limits:write")]
Rule = Annotated[str, Field(min_length=1, max_length=MAX_RULE_LENGTH)]


class RedactionRules(BaseModel):
    """What becomes `[redacted]` in logs and callbacks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    fields: list[Rule] = Field(
        default=[], max_length=MAX_RULES, description="Names, or dotted paths such as `user.email`, at any depth."
    )
    patterns: list[Rule] = Field(default=[], max_length=MAX_RULES, description="RE2 patterns of texts.")


SCHEMAS = (RedactionRules,)


@router.get("/redaction", **doc("Show what logs do not show", returns=ref(RedactionRules), problems=(401, 403)))
async def get_redaction(call: Reader) -> Response:
    """The project's rules. A flow may add its own in `settings.redact`."""
    return _shown(await ProjectRedaction(call.engine.store).of(call.tenant))


@router.put(
    "/redaction",
    **doc(
        "Set what logs do not show",
        body=ref(RedactionRules),
        returns=ref(RedactionRules),
        problems=(400, 401, 403),
    ),
)
async def put_redaction(call: Writer) -> Response:
    """Replaces the rules. They hold at once, also for the logs of what ran before; items and results stay whole."""
    body = await call.body(RedactionRules)
    rules = Redaction(tuple(body.fields), tuple(body.patterns))
    await ProjectRedaction(call.engine.store).change(call.tenant, rules)
    return _shown(rules)


def _shown(rules: Redaction) -> Response:
    return answer({"fields": rules.fields, "patterns": rules.patterns})
