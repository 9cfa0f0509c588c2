"""A Restate service whose handler records one step; served by hypercorn over HTTP/2, as Restate advises."""

from __future__ import annotations

from typing import Any

import restate

service = restate.Service("noop")


@service.handler()
async def same(ctx: restate.Context, value: dict[str, Any]) -> dict[str, Any]:
    async def give_back() -> dict[str, Any]:
        return value

    return await ctx.run_typed("same", give_back)


app = restate.app([service])
