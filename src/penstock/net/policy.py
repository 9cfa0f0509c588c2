"""Which addresses an outgoing request may connect to.

Flows, pages and callers name URLs; without a check they could make the server read its own network (server-side
request forgery). Only addresses of the public internet are allowed, by the IANA special-purpose registries as
`ipaddress` knows them, and what the operator allows by name. The check is made on the address that is about to be
connected to, never on a host name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_PUBLIC = (
    # What releases of Python differ about, and what is public on paper only.
    ip_network("168.63.129.16/32"),  # Azure's host agent: answers with the machine's secrets
    ip_network("192.0.0.0/24"),  # protocol assignments; metadata of some clouds
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("64:ff9b:1::/48"),  # NAT64 for local use: may lead anywhere inside
    ip_network("2001::/23"),  # protocol assignments, among them Teredo tunnels
    ip_network("3fff::/20"),  # documentation
    ip_network("5f00::/16"),  # segment routing inside one network
    ip_network("fec0::/10"),  # site-local, the older private range
)


class AddressRefused(OSError):
    """The policy does not allow connecting to an address.

    An OSError, so that a connector goes on to a host's next address; with one text for all addresses, so that it is
    not folded into a combined error when all of them are refused.
    """

    def __init__(self) -> None:
        super().__init__("the address is not allowed")


@dataclass(frozen=True)
class EgressPolicy:
    """The operator's decision: public addresses, and `allowed_networks` (`10.1.0.0/16`, `127.0.0.1`).

    Raises ValueError when one of the networks is not written as a network.
    """

    allowed_networks: tuple[str, ...] = ()
    _allowed: tuple[Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_allowed", tuple(_network(text) for text in self.allowed_networks))

    def check(self, address: str, *, allow_loopback: bool) -> None:
        """Raises `AddressRefused` unless a connection to this IP address is allowed.

        `address` is what a socket is connected to: an address in its usual spelling. Anything else is refused.
        """
        try:
            written = ip_address(address)
        except ValueError:
            raise AddressRefused from None
        reached = _embedded_ipv4(written) or written
        if _within(written, self._allowed) or _within(reached, self._allowed):
            return
        if allow_loopback and _within(reached, _LOOPBACK):
            return
        if not _is_public(reached):
            raise AddressRefused


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"allowed network {text!r} is not an IP network such as '10.0.0.0/8': {error}") from None


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: Address) -> bool:
    # `is_global` alone lets multicast and some reserved ranges through.
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local)
        and not _within(address, _NEVER_PUBLIC)
    )
