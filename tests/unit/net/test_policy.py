import pytest

from penstock.net.policy import AddressRefused, EgressPolicy

REFUSED = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::808:808",
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        EgressPolicy().check(address, allow_loopback=False)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    EgressPolicy().check(address, allow_loopback=False)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "", "8.8.8"])
def test_whatever_is_not_an_address_in_its_usual_spelling_is_refused(spelling: str) -> None:
    with pytest.raises(AddressRefused):
        EgressPolicy().check(spelling, allow_loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.4.5.6", "::1", "::ffff:127.0.0.1"])
def test_loopback_can_be_allowed_for_one_request(address: str) -> None:
    EgressPolicy().check(address, allow_loopback=True)


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0", "169.254.169.254", "::", "fd00::1"])
def test_allowing_loopback_allows_nothing_else(address: str) -> None:
    with pytest.raises(AddressRefused):
        EgressPolicy().check(address, allow_loopback=True)


def test_the_operator_allows_networks_and_only_those() -> None:
    policy = EgressPolicy(allowed_networks=("10.1.0.0/16", "fd00::/8", "192.168.7.9"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "192.168.7.9"):
        policy.check(address, allow_loopback=False)
    for address in ("10.2.0.1", "192.168.7.10", "127.0.0.1"):
        with pytest.raises(AddressRefused):
            policy.check(address, allow_loopback=False)


def test_a_network_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/99' is not an IP network"):
        EgressPolicy(allowed_networks=("10.0.0.0/99",))
