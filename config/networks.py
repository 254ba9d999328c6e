"""The networks of ``DAYPASS_TRUSTED_PROXIES``."""

import ipaddress
import re


def parse_network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a network; raises ValueError for text that is neither.

    Peers are compared without a zone, and as IPv4 where an IPv6 socket shows ``::ffff:192.0.2.1``.
    """
    network = ipaddress.ip_network(re.sub(r"%[^/]*", "", word))
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((int(mapped), network.prefixlen - 96))
