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


@pytest.mark.usefixtures("exhausted")
def test_an_evaluation_that_may_take_more_than_there_is_is_refused(
    client: Client, server: Server, echo: str, benchmark: str
) -> None:
    server.own.post("/compute-units/grants", json={"amount": "0.09"}).raise_for_status()
    with pytest.raises(Refused, match=r"0\.09 ECU are available, and this reserves 0\.10"):
        client.evaluate(echo, benchmark)
    server.own.post("/compute-units/grants", json={"amount": "0.01"}).raise_for_status()
    assert client.wait(client.evaluate(echo, benchmark).id).status == "success"
    balance = server.own.get("/compute-units").json()
    assert (balance["reserved"], balance["available"]) == ("0.00", "0.00")
