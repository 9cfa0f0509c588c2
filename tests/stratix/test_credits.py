"""Work that nobody has units for is refused in the words that those clients know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .client import Client, Refused
from .conftest import Server


@pytest.fixture
def exhausted(server: Server) -> Iterator[None]:
    """Nothing is left; at the end nothing is limited."""
    for amount, kind in (("1", "grant"), ("-1", "adjustment")):
        body = {"amount": amount, "kind": kind}
        server.own.post("/compute-units/grants", json=body).raise_for_status()
    yield
    server.own.put("/compute-units", json={"limited": False}).raise_for_status()


@pytest.mark.usefixtures("exhausted")
def test_an_evaluation_without_units_is_refused(client: Client, echo: str, benchmark: str) -> None:
    with pytest.raises(Refused) as refused:
        client.evaluate(echo, benchmark)
    assert (refused.value.status, refused.value.code) == (402, "ecu_exhausted")
    assert refused.value.error.message.count("insufficient credits") == 1
    assert client.get("/models", key="scripted/echo")["models"], "looking costs nothing"
