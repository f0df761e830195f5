"""Random iptables and ip6tables commands, good and bad, drawn from a seed."""

from __future__ import annotations

from random import Random

from fwtutor.netfilter.hooks import BUILTIN_CHAINS

USERS = ("uc", "ud")
HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
ADDRESSES = {
    4: (
        "10.0.0.0/8", "192.168.0.0/16", "203.0.113.9", "1.2.3.4/255.255.0.0", "1.2.3.4/255.0.255.0", "0.0.0.0/0", "10.1",
        "255.255.255.255", "172.16.0.0/12", "198.51.100.0/25", "1.1.1.1,2.2.2.2/31", "0.0.0.0/1", "1.2.3.4/32", "127.0.0.1/+8",
    ),
    6: (
        "2001:db8::/32", "2001:db8:1::9", "fe80::1/ffff:ffff::", "fe80::1/ffff::ffff", "::/0", "2001:db8::1.2.3.4", "::ffff:1.2.3.4/96",
        "FE80::/0xa", "::5/128", "2001:db8::1,2001:db8::2/127", "ff02::1", "fc00::/7", "::2:3", "1:0:0:2:3:0:0:4",
    ),
}  # fmt: skip
BAD_ADDRESSES = {
    4: ("1.2.3.4/33", "300.1.1.1", "1.2.3.4/", "1.2.3.4/8/9", ",", "1.2.3.4,", "2001:db8::1"),
    6: ("2001:db8::/129", "2001:db8::g", "::1/", "::1/8/9", ",", "::1,", "1.2.3.4", "::1/255.0.0.0", "::1%lo"),
}
ENTRY_ADDRESSES = {
    4: ("10.0.0.0/8", "192.168.0.0/16", "203.0.113.9", "1.2.3.4/255.255.0.0", "1.2.3.4", "10.1.2.3/9"),
    6: ("2001:db8::/32", "fe80::7", "2001:db8::7/9", "fe80::1/ffff::", "fe80::1/ffff::ffff", "::/1"),
}
PROTOCOLS = {
    4: ("47", "esp", "253", "ipv6-icmp", "ipencap"),
    6: ("47", "esp", "253", "icmp", "ipv6-icmp", "icmpv6", "58", "ipv6", "ipv6-frag", "43", "AH", "mh", "60", "ipv6-nonxt", "hopopt"),
}
MESSAGES = {
    4: ("icmp", ("8", "echo-request", "any", "3/1", "3", "host-unreachable", "12/0", "40", "40/3", "pong"), ("foo", "300", "3/x", "e")),
    6: (
        "icmpv6", ("128", "echo-request", "255", "1/4", "1", "no-route", "4/0", "neighbor-adv", "135/7", "redir", "ping", "0x85"),
        ("any", "300", "1/x", "e", "neigh"),
    ),
}  # fmt: skip
"""Protocol, types, and bad ones."""
ANSWERS = {
    4: (" --reject-with icmp-host-prohibited", " --reject-with admin-prohib"),
    6: (" --reject-with icmp6-adm-prohibited", " --reject-with reject-route"),
}
NAMES = ("eth0", "eth+", "wan", "lo", "+", "a.b-c", "averylongiface1")
PORTS = ("22", "80:443", "1024:", ":1023", "0", "65535", "1:65535", "0:65535", "53", "0x16", "026", "6000:6063")
BAD_PORTS = ("65536", "22x", "443:80", "22,80", "1:2:3", "nosuchport")
FLAGS = ("SYN SYN", "SYN,ACK SYN", "ALL NONE", "ALL ALL", "FIN,SYN,RST,ACK SYN", "NONE NONE", "fin,psh,urg PSH", "SYN,FOO SYN", "SYN")
STATES = ("NEW", "ESTABLISHED,RELATED", "INVALID", "NEW,UNTRACKED", "new", "SNAT", "DNAT,NEW", "FOO", "R,E", "NEW,,NEW")


RATES = ("3/hour", "5", "300/s", "61/min", "7/hour", "10000/sec", "99999/day", "86401/d", "2/day", "17/Min", " 8x/second")
BAD_RATES = ("0/s", "5/x", "10001/s", "x", "5/", "1/day", "-1/s")
LISTS = ("22", "22,80,443", "1:1023", "53,6000:6063,8080", "0,65535", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15", "0x16,026")
BAD_LISTS = ("22:", "90:80", "1,,2", "65536", "1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16", "x")
PREFIXES = ("plain", '"two words: "', '"[x] \\" it"', "123456789012345678901234567890", '"é%s"')


def _not(draw: Random, chance: float = 0.2) -> str:
    return "! " if draw.random() < chance else ""


def ports(draw: Random, bad: float, known: tuple[str, ...] = PORTS) -> str:
    parts = []
    names = [draw.choice(("--sport", "--source-port")), draw.choice(("--dport", "--destination-port"))]
    for name in draw.sample([*names, "--sport"] if bad else names, draw.randint(1, 2)):
        parts.append(f"{_not(draw)}{name} {draw.choice(BAD_PORTS if draw.random() < bad else known)}")
    return " ".join(parts)


def protocol(draw: Random, bad: float, family: int) -> str:
    icmp, types, bad_types = MESSAGES[family]
    kind = draw.choice(("tcp", "tcp", "udp", icmp, "other"))
    explicit = f"-m {kind} " if draw.random() < 0.3 else ""
    if kind == "tcp":
        parts = [f"{_not(draw, bad)}-p {draw.choice(('tcp', '6', 'TCP'))}"]
        if draw.random() < 0.7:
            parts.append(explicit + ports(draw, bad))
        if draw.random() < 0.3:
            parts.append(f"{_not(draw)}{draw.choice(('--syn', '--tcp-flags ' + draw.choice(FLAGS[: 7 if not bad else 9])))}")
        if draw.random() < 0.15:
            parts.append(f"{_not(draw)}--tcp-option {draw.choice(('2', '8', '0x3', *(('0', '256') if bad else ())))}")
        return " ".join(parts)
    if kind == "udp":
        return f"{_not(draw, bad)}-p udp {explicit}{ports(draw, bad, PORTS[:9])}"
    if kind == icmp:
        return f"-p {icmp} {explicit}{_not(draw)}--{icmp}-type {draw.choice((*types, *(bad_types if bad else ())))}"
    known = PROTOCOLS[family] if bad else tuple(name for name in PROTOCOLS[family] if name != "hopopt")
    return f"{_not(draw)}-p {draw.choice((*known, *(('999', 'foo') if bad else ())))}"


def multiport(draw: Random, bad: float) -> str:
    kind = draw.choice(("tcp", "udp", "sctp", "132", "udplite", *(("icmp", "all", "253") if bad else ())))
    option = draw.choice(("--dports", "--sports", "--ports", "--destination-ports", "--dport"))
    lists = BAD_LISTS if draw.random() < bad else LISTS
    return f"{_not(draw, bad / 2)}-p {kind} -m multiport {_not(draw)}{option} {draw.choice(lists)}"


def limit(draw: Random, bad: float) -> str:
    parts = ["-m limit"]
    if draw.random() < 0.8:
        parts.append(f'{_not(draw, bad / 2)}--limit "{draw.choice(BAD_RATES if draw.random() < bad else RATES)}"')
    if draw.random() < 0.5:
        parts.append(f"--limit-burst {draw.choice(('0', 'x', '10000', '10001') if draw.random() < bad else ('1', '2', '5', '0x10'))}")
    return " ".join(parts)


def log(draw: Random, bad: float) -> str:
    parts = ["-j LOG"]
    if draw.random() < 0.5:
        parts.append(f"--log-prefix {draw.choice(PREFIXES)}")
    if draw.random() < 0.4:
        levels = ("8", "warn", "err", "x") if draw.random() < bad else ("0", "4", "7", "debug", "warning", "error", "panic")
        parts.append(f"{_not(draw, bad / 2)}--log-level {draw.choice(levels)}")
    switches = ("--log-tcp-sequence", "--log-tcp-options", "--log-ip-options", "--log-uid", "--log-macdecode")
    return " ".join([*parts, *draw.sample(switches, draw.choice((0, 0, 1, 2, 5)))])


def ttl(draw: Random, bad: float, family: int) -> str:
    name = "ttl" if family == 4 else "hl"
    options = [f"{_not(draw)}--{name}-eq", f"{_not(draw, bad)}--{name}-lt", f"--{name}-gt", f"--{name}"]
    chosen = draw.sample(options, 1 if draw.random() >= bad else draw.randint(0, 4))
    return " ".join(
        [f"-m {name}", *(f"{option} {draw.choice(('64', '0', '0x10', '255', *(('256', 'x') if bad else ())))}" for option in chosen)]
    )


def conntrack(draw: Random, bad: float, family: int) -> str:
    if draw.random() < 0.2:
        return f"-m state {_not(draw)}--state {draw.choice(STATES[:5] if not bad else STATES)}"
    options = [
        f"{_not(draw)}--ctstate {draw.choice(STATES[:7] if not bad else STATES)}",
        f"{_not(draw)}--ctproto {draw.choice(('tcp', '17', 'icmp', '0' if bad else '47'))}",
        f"{_not(draw)}--ctorigsrc {draw.choice(ENTRY_ADDRESSES[family][:4])}",
        f"{_not(draw)}--ctrepldst {draw.choice(ENTRY_ADDRESSES[family])}",
        f"{_not(draw)}--ctorigdstport {draw.choice(PORTS[:9])}",
        f"{_not(draw)}--ctreplsrcport {draw.choice(('22', '9:2', '70000'))}",
        f"{_not(draw)}--ctstatus {draw.choice(('ASSURED', 'NONE', 'EXPECTED,CONFIRMED', 'A', *(('FOO',) if bad else ())))}",
        f"{_not(draw)}--ctexpire {draw.choice(('5', '1:10', '10:', ':7', *(('x',) if bad else ())))}",
        f"{_not(draw, bad)}--ctdir {draw.choice(('ORIGINAL', 'reply', *(('FOO',) if bad else ())))}",
    ]
    return f"-m conntrack {' '.join(draw.sample(options, draw.randint(0 if bad else 1, 3)))}"


MARKS = ("1", "0x10/0xff", "0xff/0xf", "0", "4294967295", "0/0xff00")
BAD_MARKS = ("x", "1/", "1x", "0x100000000", "1/2y")
MACS = ("00:11:22:33:44:55", "A:b:C:1:2:3", "02:00:00:00:00:01")
OWNERS = ("0", "root", "33", "1-5", "100:200", "65534")
TOS = ("0x10", "16/0x3f", "Minimize-Delay", "normal-service", "0/0", "0xff/0x0f", "255")
RANGES = {4: ("1.1.1.1-2.2.2.2", "10.0.0.1", "1-2"), 6: ("2001:db8::1-2001:db8::9", "::1", "fe80::-fe80::1.2.3.4")}
BAD_RANGES = {4: ("9.9.9.9-1.1.1.1", "x", "1.2.3.4-", "-1", "::1"), 6: ("::9-::1", "x", "::1-", "-::1", "1.2.3.4")}
TYPES = {4: ("LOCAL", "unicast,local", "m", "NAT,BROADCAST"), 6: ("LOCAL", "unicast,local", "m", "any,unreach")}
CLASSES = ("EF", "cs1", "AF41", "be")


def _maybe(draw: Random, bad: float, good: tuple[str, ...], wrong: tuple[str, ...]) -> str:
    return draw.choice(wrong if draw.random() < bad else good)


def other_match(draw: Random, bad: float, chain: str, free: bool, family: int) -> str:
    """A match on what surrounds the packet; a good one is good in a chain of that name, if ``free`` a user chain takes all."""

    def owners(option: str) -> str:
        return f"{_not(draw)}--{option} {_maybe(draw, bad, OWNERS, ('5-1', 'nosuch', '1-', '-1', '4294967295'))}"

    def addresses(option: str) -> str:
        return f"{_not(draw)}--{option} {_maybe(draw, bad, RANGES[family], BAD_RANGES[family])}"

    def types(option: str) -> str:
        return f"{_not(draw)}--{option} {_maybe(draw, bad, TYPES[family], ('foo', 'LOCAL,', ',LOCAL', 'BROADCAST'))}"

    anywhere = bad or (chain in USERS and free)
    kinds = ["connmark", "addrtype", "iprange", "length", "pkttype", "tos", "dscp"]
    kinds += ["owner"] if anywhere or chain in ("OUTPUT", "POSTROUTING") else []
    kinds += ["mac"] if anywhere or chain in ("PREROUTING", "INPUT", "FORWARD") else []
    kind = draw.choice(kinds)
    if bad and draw.random() < bad / 2:
        return f"-m {kind}"
    match kind:
        case "connmark":
            return f"-m connmark {_not(draw)}--mark {_maybe(draw, bad, MARKS, BAD_MARKS)}"
        case "addrtype":
            sides = draw.sample([types("src-type"), types("dst-type")], draw.randint(1, 2))
            limits = ["--limit-iface-in"] if anywhere or chain in ("PREROUTING", "INPUT", "FORWARD") else []
            limits += ["--limit-iface-out"] if anywhere or chain in ("FORWARD", "OUTPUT", "POSTROUTING") else []
            sides += draw.sample(limits, min(len(limits), draw.choice((0, 0, 1, 2 if bad else 1))))
            return f"-m addrtype {' '.join(sides)}"
        case "iprange":
            return f"-m iprange {' '.join(draw.sample([addresses('src-range'), addresses('dst-range')], draw.randint(1, 2)))}"
        case "length":
            lengths = _maybe(draw, bad, ("40", "0:100", ":60", "1500:", "200:100", "0x10:020"), ("x", "65536", "1:2:3", "5x"))
            return f"-m length {_not(draw)}--length {lengths}"
        case "pkttype":
            return f"-m pkttype {_not(draw)}--pkt-type {_maybe(draw, bad, ('unicast', 'BROADCAST', 'mcast', 'host'), ('uni', 'loopback'))}"
        case "tos":
            return f"-m tos {_not(draw)}--tos {_maybe(draw, bad, TOS, ('x', '256', '1/x', 'Minimize'))}"
        case "dscp":
            by_class = f"--dscp-class {_maybe(draw, bad, CLASSES, ('AF44', 'x'))}"
            by_number = f"--dscp {_maybe(draw, bad, ('10', '0x3f', '0'), ('64', 'x'))}"
            return f"-m dscp {_not(draw)}{' '.join(draw.sample([by_class, by_number], 2 if draw.random() < bad else 1))}"
        case "mac":
            return f"-m mac {_not(draw)}--mac-source {_maybe(draw, bad, MACS, ('x', '1:2:3:4:5', '001:2:3:4:5:6'))}"
    options = [owners("uid-owner"), owners("gid-owner") + draw.choice(("", " --suppl-groups")), f"{_not(draw)}--socket-exists"]
    options += [f"{_not(draw)}--suppl-groups"] if bad else []
    return f"-m owner {' '.join(draw.sample(options, draw.randint(1, 3)))}"


def acting(draw: Random, bad: float, table: str, chain: str, free: bool, family: int) -> str:
    """A target that acts or logs, and what it needs of its rule; a good one is good in that table, and else as above."""
    anywhere = bad or (chain in USERS and free)
    kinds = ["MARK", "CONNMARK", "NFLOG", "TCPMSS"]
    kinds += ["TTL", "TOS", "DSCP"] if bad or table == "mangle" else []
    kinds += ["CLASSIFY"] if anywhere or chain in ("FORWARD", "OUTPUT", "POSTROUTING") else []
    kinds += ["TRACE"] if bad or table == "raw" else []
    kind = draw.choice(kinds)
    if bad and draw.random() < bad / 2:
        return f"-j {kind if kind != 'TTL' or family == 4 else 'HL'}"
    mark = _maybe(draw, bad, MARKS, BAD_MARKS)
    bits = _maybe(draw, bad, ("1", "0xff00", "0", "0xffffffff"), ("x", "1/2", "0x100000000"))
    operations = [f"--set-mark {mark}", f"--set-xmark {mark}", f"--and-mark {bits}", f"--or-mark {bits}", f"--xor-mark {bits}"]
    match kind:
        case "MARK":
            return f"-j MARK {_not(draw, bad / 2)}{' '.join(draw.sample(operations, 2 if draw.random() < bad else 1))}"
        case "CONNMARK":
            operations += ["--save-mark", "--restore-mark"] * 3
            options = draw.sample(operations, 2 if draw.random() < bad else 1)
            more = [f"--nfmask {bits}", f"--ctmask {bits}", f"--mask {bits}", f"--{draw.choice(('left', 'right'))}-shift-mark 4"]
            if bad:
                more += ["--left-shift-mark 32", "--right-shift-mark 33"]
            options += draw.choice(([], [], more[:1], more[1:2], more[2:3], more[:2], more[3:4], draw.sample(more, 2) if bad else []))
            draw.shuffle(options)
            return f"-j CONNMARK {' '.join(options)}"
        case "NFLOG":
            numbers = [
                f"--nflog-group {_maybe(draw, bad, ('0', '5', '65535'), ('65536', 'x'))}",
                f"--nflog-threshold {draw.choice((0, 9))}",
            ]
            numbers += [
                f"--nflog-prefix {draw.choice(PREFIXES)}",
                f"--nflog-{draw.choice(('size', 'range') if bad else ('size',))} {draw.choice((0, 64))}",
            ]
            return f"-j NFLOG {' '.join(draw.sample(numbers, draw.randint(0, 3)))}"
        case "TCPMSS":
            spoken = draw.choice(("--syn", "--tcp-flags SYN,RST SYN", "--dport 80 --syn", *(("", "! --syn", "--dport 80") if bad else ())))
            clamps = anywhere or chain in ("FORWARD", "OUTPUT", "POSTROUTING")
            sizes = [f"--set-mss {_maybe(draw, bad, ('1400', '0', '65495'), ('65516', 'x'))}", *(["--clamp-mss-to-pmtu"] if clamps else [])]
            return f"-p tcp {spoken} -j TCPMSS {draw.choice(sizes)}"
        case "TTL":
            values = _maybe(draw, bad, ("1", "64", "255"), ("256", "x", "0"))
            name = "ttl" if family == 4 else "hl"
            twice = f" --{name}-set 3" if draw.random() < bad else ""
            return f"-j {name.upper()} --{name}-{draw.choice(('set', 'inc', 'dec'))} {values}{twice}"
        case "TOS":
            byte, value = _maybe(draw, bad, ("0x10", "0", "255"), ("256", "x")), _maybe(draw, bad, TOS, ("x", "1/x", "256"))
            return f"-j TOS {draw.choice((f'--set-tos {value}', f'--and-tos {byte}', f'--or-tos {byte}', f'--xor-tos {byte}'))}"
        case "DSCP":
            by_class = f"--set-dscp-class {_maybe(draw, bad, CLASSES, ('x', 'AF44'))}"
            return f"-j DSCP {draw.choice(('--set-dscp 0x0a', '--set-dscp 0', by_class))}"
        case "CLASSIFY":
            return f"-j CLASSIFY --set-class {_maybe(draw, bad, ('1:2', '10:ff', 'ffff:0', '1fffe:2x'), ('1', ':1', '1:x'))}"
    return "-j TRACE"


def rule(draw: Random, chain: str, bad: float, family: int = 4, table: str = "filter", free: bool = True) -> str:
    """Everything behind ``-A CHAIN``; ``free``: rules that may not be met at every hook may stand in user chains."""
    parts = []
    lists = draw.random() < 0.2
    known = [address for address in ADDRESSES[family] if lists or "," not in address]
    for letter in ("-s", "-d"):
        if draw.random() < 0.3:
            address = draw.choice(BAD_ADDRESSES[family] if draw.random() < bad else known)
            parts.append(f"{_not(draw) if bad or not lists else ''}{letter} {address}")
    if draw.random() < 0.25 and (bad or chain not in ("OUTPUT", "POSTROUTING")):
        parts.append(f"{_not(draw)}-i {draw.choice(NAMES)}")
    if draw.random() < 0.2 and (bad or chain not in ("INPUT", "PREROUTING")):
        parts.append(f"{_not(draw)}-o {draw.choice(NAMES)}")
    spoken = protocol(draw, bad, family) if draw.random() < 0.6 else multiport(draw, bad) if draw.random() < 0.4 else ""
    if spoken:
        parts.append(spoken)
    if draw.random() < 0.1 and (family == 4 or bad):
        parts.append(f"{_not(draw)}-f")
    if draw.random() < 0.1:
        parts.append(ttl(draw, bad, family))
    if draw.random() < 0.35:
        parts.append(conntrack(draw, bad, family))
    if draw.random() < 0.12:
        parts.append(limit(draw, bad))
    if draw.random() < 0.15:
        marks = ("1", "0x10/0xff", "0x1ff/0xff", "4294967295", *(("x", "1/") if bad else ()))
        parts.append(f"-m mark {_not(draw)}--mark {draw.choice(marks)}")
    if draw.random() < 0.2:
        remarks = ('"hello world"', "plain_remark", '"quotes \\" and \\\\ here"', '"#1; [x] (y) é"', '""')
        parts.append(f"-m comment --comment {draw.choice(remarks)}")
    reset = spoken.startswith(("-p tcp", "-p 6", "-p TCP"))
    kinds = ["", *ANSWERS[family]]
    kinds += [" --reject-with tcp-reset"] if reset or bad else []
    if draw.random() < 0.3:
        parts.append(other_match(draw, bad, chain, free, family))
    jumps = [chain_ for chain_ in ("ud",) if chain != chain_] if chain in USERS else [*USERS]
    targets = ["-j ACCEPT", "-j RETURN", "", log(draw, bad)]
    targets += ["-j DROP"] if bad or table != "nat" else []
    targets += [f"-j REJECT{draw.choice(kinds)}"] if bad or table == "filter" else []
    targets += [f"-{draw.choice('jg')} {name}" for name in jumps]
    if draw.random() < 0.4:
        target = acting(draw, bad, table, chain, free, family)
        if not target.startswith("-p") or bad or not spoken:
            targets = [target]
    if bad and draw.random() < bad:
        targets = ["-j NOPE", "-g NOPE", "-j INPUT", "-j uc", "-j ACCEPT --foo", "-j", "! -j DROP", "-j REJECT --reject-with foo"]
    draw.shuffle(parts)
    parts.append(draw.choice(targets))
    return " ".join(part for part in parts if part)


def command(draw: Random, variant: str, family: int = 4, table: str = "filter") -> str:
    """One command, now and then a bad one."""
    builtin = BUILTIN_CHAINS[table]
    chains = (*builtin, *USERS)
    chain = draw.choice(chains if table == "filter" or draw.random() < 0.95 else HOOKS)
    bad = 0.12 if draw.random() < 0.4 else 0.0
    kind = draw.choices(
        ("-A", "-I", "-D", "-R", "-C", "number", "-N", "-X", "-F", "-P", "-L", "-Z", "-E", "odd"),
        (40, 12, 4, 3, 3, 6, 5, 3, 1, 3, 6, 3, 1, 3),
    )[0]  # fmt: skip
    if kind in ("-A", "-D", "-C"):
        counter = f"-c {draw.randint(0, 99)} {draw.randint(0, 10**6)} " if kind == "-A" and draw.random() < 0.2 else ""
        verbose = "-v " if draw.random() < 0.2 else ""
        return f"{kind} {chain} {counter}{verbose}{rule(draw, chain, bad, family, table)}"
    if kind == "-I":
        return f"-I {chain} {draw.choice(('', '1', '2', '3', '0', 'x'))} {rule(draw, chain, bad, family, table)}"
    if kind == "-R":
        return f"-R {chain} {draw.choice(('1', '2', '9', '0'))} {rule(draw, chain, bad, family, table)}"
    if kind == "number":
        return f"-D {chain} {draw.choice(('1', '1', '2', '5', '0', 'x'))}"
    if kind == "-N":
        return f"-N {draw.choice(('ud', 'zz', 'uc', 'INPUT', 'ACCEPT', 'a' * 29, 'a' * 28))}"
    if kind == "-X":
        return f"-X {draw.choice(('', 'uc', 'ud', 'INPUT', 'zz'))}"
    if kind == "-F":
        return f"-F {draw.choice(('', chain))}"
    if kind == "-P":
        return f"-P {draw.choice(chains)} {draw.choice(('ACCEPT', 'DROP', 'DROP', 'REJECT'))}"
    if kind == "-L":
        return f"-L {draw.choice(('', chain, chain + ' 1'))} -n {draw.choice(('', '-v', '-v -x', '--line-numbers', '-nv'))}"
    if kind == "-Z":
        # Of a chain that is not there, iptables-nft says here whatever went wrong last, sometimes "Incompatible with this kernel."
        return f"-Z {draw.choice(('', chain, chain + ' 1' if variant == 'legacy' else chain))}"
    if kind == "-E":
        old = draw.choice(("uc", "ud", "INPUT" if variant == "legacy" else "zz"))  # iptables-nft would rename INPUT
        return f"-E {old} {draw.choice(('ue', 'ud', 'uc'))}"
    one = ADDRESSES[family][1]
    twice = f"-A {chain} -s {one} -s {one}"
    return draw.choice((twice, f"-A {chain} foo", "-S -n", f"-A {chain} -L", f"-A {chain} -j DROP !", f"-C {chain}"))


def ruleset_text(draw: Random, size: int, family: int = 4, table: str = "filter") -> str:
    """Save text that is taken as it is, with counters."""

    def counter() -> str:
        return f"[{draw.choice((0, draw.randint(0, 99_999), draw.randint(0, 10**13)))}:{draw.choice((0, draw.randint(0, 10**18)))}]"

    lines = [f"*{table}", *(f":{chain} {draw.choice(('ACCEPT', 'DROP'))} {counter()}" for chain in BUILTIN_CHAINS[table])]
    lines += [":uc - [0:0]", ":ud - [0:0]"]
    chains = draw.choices((*BUILTIN_CHAINS[table], *USERS), k=size)
    lines += [f"{counter()} -A {chain} {rule(draw, chain, 0.0, family, table, free=False)}" for chain in chains]
    # Without -n the tool would look up names of addresses that /etc/networks and /etc/hosts know; the last four iptables-nft refuses.
    known = ("127.0.0.1", "0.0.0.0/1", "10.0.0.1 ", "! -s 0.0.0.0/0", "! -d 0.0.0.0/0", "! -s ::/0", "! -d ::/0")
    return "\n".join(line for line in lines if not any(name in line for name in known)) + "\nCOMMIT\n"
