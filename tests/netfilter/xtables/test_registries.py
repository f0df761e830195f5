"""Every match and target that the tools' manual knows (iptables-extensions, 1.8.9) is there, or refused by its name as not simulated."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.xtables.commands import new_ruleset, run_command
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.matches import MATCHES, NOT_YET as MATCHES_NOT_YET
from fwtutor.netfilter.xtables.targets import NOT_YET as TARGETS_NOT_YET, TARGETS


def names(text: str) -> set[str]:
    return set(text.split())


BOTH = names(
    "addrtype ah bpf cgroup cluster comment connbytes connlabel connlimit connmark conntrack cpu dccp devgroup dscp ecn esp hashlimit "
    "helper ipcomp iprange ipvs length limit mac mark multiport nfacct osf owner physdev pkttype policy quota rateest recent rpfilter "
    "sctp set socket state statistic string tcp tcpmss time tos u32 udp"
)
MATCH_NAMES = {4: BOTH | names("icmp realm ttl"), 6: BOTH | names("dst eui64 frag hbh hl icmp6 ipv6header mh rt srh")}
ALL = names(
    "AUDIT CHECKSUM CLASSIFY CONNMARK CONNSECMARK CT DNAT DSCP HMARK IDLETIMER LED LOG MARK MASQUERADE NETMAP NFLOG NFQUEUE NOTRACK "
    "RATEEST REDIRECT REJECT SECMARK SET SNAT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE"
)
TARGET_NAMES = {4: ALL | names("CLUSTERIP ECN TTL ULOG"), 6: ALL | names("DNPT HL SNPT")}
TOOLS = pytest.mark.parametrize(("variant", "family"), [(variant, family) for variant in ("legacy", "nft") for family in (4, 6)])


def refusal(line: str, variant: str, family: int) -> str:
    with pytest.raises(RuleRefused) as refused:
        run_command(new_ruleset(family, variant), line, counters={}, new_id=lambda: 1)
    return refused.value.message


@pytest.mark.parametrize("family", [4, 6])
def test_nothing_that_the_manual_knows_is_forgotten(family: int) -> None:
    assert MATCH_NAMES[family] <= MATCHES[family].keys() | MATCHES_NOT_YET[family]
    assert TARGET_NAMES[family] <= TARGETS[family].keys() | TARGETS_NOT_YET[family]
    assert not MATCHES[family].keys() & MATCHES_NOT_YET[family]
    assert not TARGETS[family].keys() & TARGETS_NOT_YET[family]


@pytest.mark.parametrize("family", [4, 6])
def test_each_is_found_by_the_names_it_has(family: int) -> None:
    matches, targets = set(MATCHES[family].values()), set(TARGETS[family].values())
    assert {name: match for match in matches for name in (match.name, *match.aliases)} == dict(MATCHES[family])
    assert {target.name: target for target in targets} == dict(TARGETS[family])


@TOOLS
def test_what_is_not_simulated_is_refused_by_its_name(variant: str, family: int) -> None:
    for name in MATCHES_NOT_YET[family]:
        assert refusal(f"-A INPUT -m {name} --whatever 1 -j ACCEPT", variant, family) == f"fwtutor does not simulate -m {name} yet"
    for name in TARGETS_NOT_YET[family]:
        for options in ("", " --whatever 1"):
            assert refusal(f"-A INPUT -j {name}{options}", variant, family) == f"fwtutor does not simulate -j {name} yet"
