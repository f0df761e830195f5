"""Names of protocols and services: a small table of our own, so that nothing depends on the machine's /etc files.

Protocol names and numbers are IANA's as Linux distributions ship them; services are the ones a firewall meets.
A port missing here is printed as its number.
"""

from __future__ import annotations

PROTOCOLS: dict[int, tuple[str, ...]] = {
    0: ("ip", "IP", "hopopt", "HOPOPT", "all"), 1: ("icmp", "ICMP"), 2: ("igmp", "IGMP"), 3: ("ggp", "GGP"), 4: ("ipencap", "IP-ENCAP"),
    5: ("st", "ST"), 6: ("tcp", "TCP"), 8: ("egp", "EGP"), 9: ("igp", "IGP"), 12: ("pup", "PUP"), 17: ("udp", "UDP"),
    20: ("hmp", "HMP"), 22: ("xns-idp", "XNS-IDP"), 27: ("rdp", "RDP"), 29: ("iso-tp4", "ISO-TP4"), 33: ("dccp", "DCCP"),
    36: ("xtp", "XTP"), 37: ("ddp", "DDP"), 38: ("idpr-cmtp", "IDPR-CMTP"), 41: ("ipv6", "IPv6"), 43: ("ipv6-route", "IPv6-Route"),
    44: ("ipv6-frag", "IPv6-Frag"), 45: ("idrp", "IDRP"), 46: ("rsvp", "RSVP"), 47: ("gre", "GRE"), 50: ("esp", "IPSEC-ESP"),
    51: ("ah", "IPSEC-AH"), 57: ("skip", "SKIP"), 58: ("ipv6-icmp", "IPv6-ICMP", "icmpv6"), 59: ("ipv6-nonxt", "IPv6-NoNxt"),
    60: ("ipv6-opts", "IPv6-Opts"), 73: ("rspf", "RSPF", "CPHB"), 81: ("vmtp", "VMTP"), 88: ("eigrp", "EIGRP"), 89: ("ospf", "OSPFIGP"),
    93: ("ax.25", "AX.25"), 94: ("ipip", "IPIP"), 97: ("etherip", "ETHERIP"), 98: ("encap", "ENCAP"), 103: ("pim", "PIM"),
    108: ("ipcomp", "IPCOMP"), 112: ("vrrp", "VRRP"), 115: ("l2tp", "L2TP"), 124: ("isis", "ISIS"), 132: ("sctp", "SCTP"),
    133: ("fc", "FC"), 135: ("mobility-header", "Mobility-Header", "mh", "ipv6-mh"), 136: ("udplite", "UDPLite"),
    137: ("mpls-in-ip", "MPLS-in-IP"), 138: ("manet",), 139: ("hip", "HIP"), 140: ("shim6", "Shim6"), 141: ("wesp", "WESP"),
    142: ("rohc", "ROHC"), 143: ("ethernet", "Ethernet"), 262: ("mptcp", "MPTCP"),
}  # fmt: skip
"""Number to names; the first is the one that is printed."""

_BY_NAME = {name: number for number, names in PROTOCOLS.items() for name in names}


def protocol_number(name: str) -> int | None:
    """The number of a protocol's name (letter case counts), None if there is none."""
    return _BY_NAME.get(name)


def protocol_name(number: int) -> str:
    """The name of a protocol, or its number as text. 0 is "all"."""
    if number == 0:
        return "all"
    names = PROTOCOLS.get(number)
    return names[0] if names else str(number)


LOADED_NAMES = frozenset({0, 1, 6, 17, 50, 51, 58, 132, 135, 136})
"""Protocols whose names the tool knows by itself, and prints even where it looks nothing up."""

_SERVICES: dict[int, tuple[str, str]] = {
    1: ("tcpmux", "t"), 7: ("echo", "tu"), 9: ("discard", "tu"), 11: ("systat", "t"), 13: ("daytime", "tu"), 15: ("netstat", "t"),
    17: ("qotd", "t"), 19: ("chargen", "tu"), 20: ("ftp-data", "t"), 21: ("ftp", "t"), 22: ("ssh", "t"), 23: ("telnet", "t"),
    25: ("smtp", "t"), 37: ("time", "tu"), 43: ("whois", "t"), 49: ("tacacs", "tu"), 53: ("domain", "tu"), 67: ("bootps", "u"),
    68: ("bootpc", "u"), 69: ("tftp", "u"), 70: ("gopher", "t"), 79: ("finger", "t"), 80: ("http", "t"), 88: ("kerberos", "tu"),
    110: ("pop3", "t"), 111: ("sunrpc", "tu"), 113: ("auth", "t"), 119: ("nntp", "t"), 123: ("ntp", "u"), 135: ("epmap", "t"),
    137: ("netbios-ns", "u"), 138: ("netbios-dgm", "u"), 139: ("netbios-ssn", "t"), 143: ("imap2", "t"), 161: ("snmp", "tu"),
    162: ("snmp-trap", "tu"), 179: ("bgp", "t"), 389: ("ldap", "tu"), 443: ("https", "tu"), 445: ("microsoft-ds", "t"),
    465: ("submissions", "t"), 500: ("isakmp", "u"), 514: ("shell", "t"), 515: ("printer", "t"), 520: ("route", "u"),
    546: ("dhcpv6-client", "u"), 547: ("dhcpv6-server", "u"), 554: ("rtsp", "tu"), 587: ("submission", "t"), 631: ("ipp", "t"),
    636: ("ldaps", "tu"), 853: ("domain-s", "tu"), 873: ("rsync", "t"), 989: ("ftps-data", "t"), 990: ("ftps", "t"),
    993: ("imaps", "t"), 995: ("pop3s", "t"), 1080: ("socks", "t"), 1194: ("openvpn", "tu"), 1433: ("ms-sql-s", "t"),
    1701: ("l2f", "u"), 1812: ("radius", "tu"), 1813: ("radius-acct", "tu"), 2049: ("nfs", "tu"), 3306: ("mysql", "t"),
    3389: ("ms-wbt-server", "t"), 5060: ("sip", "tu"), 5061: ("sip-tls", "tu"), 5222: ("xmpp-client", "t"), 5353: ("mdns", "u"),
    5432: ("postgresql", "t"), 5671: ("amqps", "t"), 5672: ("amqp", "t"), 6000: ("x11", "t"), 6379: ("redis", "t"), 6667: ("ircd", "t"),
    6697: ("ircs-u", "t"), 8080: ("http-alt", "t"),
}  # fmt: skip
_UDP_ONLY = {514: "syslog"}
_ALIASES = {
    "www": 80, "kerberos5": 88, "krb5": 88, "pop-3": 110, "portmapper": 111, "ident": 113, "snmptrap": 162, "imap": 143, "webcache": 8080,
}  # fmt: skip
_ALIAS_LETTERS = {"www": "t", "pop-3": "t", "ident": "t", "imap": "t", "webcache": "t"}

_PORT_NAMES: dict[tuple[int, str], str] = {(port, letter): name for port, (name, letters) in _SERVICES.items() for letter in letters}
_PORT_NAMES.update({(port, "u"): name for port, name in _UDP_ONLY.items()})
_PORTS = {(name, letter): port for (port, letter), name in _PORT_NAMES.items()}
_PORTS.update({(name, letter): port for name, port in _ALIASES.items() for letter in _ALIAS_LETTERS.get(name, "tu")})
_PORTS["syslog", "t"] = 514
SERVICES = frozenset(name for name, _ in _PORTS)
"""All names."""


def service_port(name: str, protocol: str = "") -> int | None:
    """The port of a service's name for "tcp" or "udp" ("" = whichever has it); None if there is none."""
    letters = protocol[:1] or "tu"
    return next((_PORTS[name, letter] for letter in letters if (name, letter) in _PORTS), None)


def service_name(port: int, protocol: str) -> str:
    """The service's name for "tcp" or "udp", or the port as text."""
    return _PORT_NAMES.get((port, protocol[0]), str(port))


def named_ports(protocol: str) -> list[int]:
    """The ports that have a name for "tcp" or "udp", in order."""
    return sorted(port for port, letter in _PORT_NAMES if letter == protocol[0])
