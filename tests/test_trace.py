"""``fwtutor trace`` on a real capture gives what the kernel did with those packets; and its options are read with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fwtutor.badinput import BadInput
from fwtutor.netfilter import Firewall, RuleRefused, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import ACK, SYN, Packet, checksum
from fwtutor.netfilter.wallclock import BEGAN, parse
from fwtutor.trace.box import parse_box, refusal as explain_refusal
from fwtutor.trace.listening import Events
from fwtutor.trace.machine import as_object, json_line
from fwtutor.trace.people import Ink, Report
from fwtutor.trace.run import trace
from tests.capture.files import RAW, pcap

ASSETS = Path(__file__).parents[1] / "assets"
CLIENT, SERVER, FAR, LAN_HOST = (parse_address(text)[1] for text in ("203.0.113.9", "203.0.113.1", "198.51.100.7", "192.168.0.20"))
RULES = (ASSETS / "too-open.rules").read_text()
OPEN = (
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n"
)


def box(tmp_path: Path, rules: str = RULES, sysctls: tuple[str, ...] = ()) -> Firewall:
    path = tmp_path / "box.rules"
    path.write_text(rules)
    interfaces = ("wan=203.0.113.1/24", "lan=192.168.0.1/16")
    return parse_box(interfaces, ("default=wan",), sysctls).firewall(path)


def walk(
    tmp_path: Path, *packets: dict[str, Any], rules: str = RULES, answer: bool = False, came_in: str | None = None
) -> list[dict[str, Any]]:
    path = tmp_path / "packets.jsonl"
    path.write_text("".join(json.dumps({"t": number * 0.5} | packet) + "\n" for number, packet in enumerate(packets)))
    return [as_object(traced) for traced in trace(box(tmp_path, rules), path, answer=answer, fallback=came_in)]


def syn(port: int, source: int = CLIENT, target: int = SERVER) -> str:
    return craft.tcp(source, target, 4000, port, SYN, seq=100).hex()


def test_the_captured_handshake_meets_the_rules_as_it_met_the_kernels(tmp_path: Path) -> None:
    """The counters and the entry are those iptables-save -c and conntrack -L told when the capture was made."""
    firewall = box(tmp_path)
    found = [as_object(traced) for traced in trace(firewall, ASSETS / "handshake.pcap")]
    assert [each["verdict"] for each in found] == ["ACCEPT"] * 7 + ["DROP"] + ["ACCEPT"] * 3
    assert [each["in"] for each in found] == ["wan", None, "wan", "wan", None, None, "wan", "wan", "wan", None, "wan"]
    assert [each["states"][-1][1] for each in found] == ["NEW"] + ["ESTABLISHED"] * 6 + ["NEW"] + ["ESTABLISHED"] * 3
    saved = firewall.save(counters=True)
    for line in (
        ":INPUT DROP [1:60]",
        ":OUTPUT ACCEPT [4:254]",
        "[5:271] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "[1:60] -A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT",
        "[0:0] -A INPUT -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT",
    ):
        assert line in saved.splitlines()
    assert firewall.conntrack() == (
        "tcp      6 120 TIME_WAIT src=203.0.113.9 dst=203.0.113.1 sport=4000 dport=1337"
        " src=203.0.113.1 dst=203.0.113.9 sport=1337 dport=4000 [ASSURED] mark=0 use=1\n"
    )


def test_the_object_of_a_packet_has_the_promised_fields_in_order(tmp_path: Path) -> None:
    (found,) = walk(tmp_path, {"in": "wan", "hex": syn(1337)})
    assert list(found) == ["n", "t", "in", "verdict", "to", "states", "path", "out", "entry"]
    assert found == {
        "n": 1,
        "t": 0.0,
        "in": "wan",
        "verdict": "ACCEPT",
        "to": "local",
        "states": [["PREROUTING", "NEW"], ["INPUT", "NEW"]],
        "path": ["filter:INPUT:rule:2"],
        "out": [],
        "entry": "tcp      6 120 SYN_SENT src=203.0.113.9 dst=203.0.113.1 sport=4000 dport=1337 [UNREPLIED]"
        " src=203.0.113.1 dst=203.0.113.9 sport=1337 dport=4000 mark=0 use=1",
    }


def test_a_forwarded_packet_is_in_out_with_a_lower_ttl(tmp_path: Path) -> None:
    (found,) = walk(tmp_path, {"in": "lan", "hex": syn(80, LAN_HOST, FAR)}, rules=OPEN)
    assert (found["verdict"], found["to"], found["path"]) == ("ACCEPT", "wan", ["filter:FORWARD:rule:1"])
    assert found["states"] == [["PREROUTING", "NEW"], ["FORWARD", "NEW"], ["POSTROUTING", "NEW"]]
    ((interface, raw),) = found["out"]
    assert interface == "wan"
    assert bytes.fromhex(raw)[8] == 63


def test_without_answer_the_box_says_nothing_of_its_own(tmp_path: Path) -> None:
    assert walk(tmp_path, {"in": "wan", "hex": syn(1337)})[0]["out"] == []


def test_with_answer_nobody_answers_what_was_for_many(tmp_path: Path) -> None:
    broadcast = craft.udp(CLIENT, parse_address("203.0.113.255")[1], 1, 9)
    (found,) = walk(tmp_path, {"in": "wan", "hex": broadcast.hex()}, rules=OPEN, answer=True)
    assert (found["verdict"], found["to"], found["out"]) == ("ACCEPT", "local", [])


def test_with_answer_a_closed_port_resets_and_the_entry_goes(tmp_path: Path) -> None:
    (found,) = walk(tmp_path, {"in": "wan", "hex": syn(1337)}, answer=True)
    assert found["path"] == ["filter:INPUT:rule:2", "filter:OUTPUT:policy:1"]
    assert found["states"] == [["PREROUTING", "NEW"], ["INPUT", "NEW"], ["OUTPUT", "ESTABLISHED"], ["POSTROUTING", "ESTABLISHED"]]
    ((interface, raw),) = found["out"]
    assert interface == "wan"
    assert bytes.fromhex(raw)[33] == 0x14  # RST and ACK
    assert found["entry"] is None


def test_a_packet_without_in_came_by_the_route_to_its_source_or_from_the_box(tmp_path: Path) -> None:
    found = walk(
        tmp_path,
        {"hex": syn(22, LAN_HOST)},
        {"hex": syn(22)},
        {"hex": syn(80, SERVER, CLIENT)},
        {"in": None, "hex": syn(81, SERVER, CLIENT)},
    )
    assert [each["in"] for each in found] == ["lan", "wan", None, None]


def test_in_names_the_interface_of_packets_nobody_placed(tmp_path: Path) -> None:
    found = walk(tmp_path, {"hex": syn(22, LAN_HOST)}, {"hex": syn(80, SERVER, CLIENT)}, came_in="wan")
    assert [each["in"] for each in found] == ["wan", None]


def test_a_broken_packet_is_discarded_and_the_rest_goes_on(tmp_path: Path) -> None:
    found = walk(tmp_path, {"in": "wan", "hex": "45"}, {"hex": ""}, {"in": "wan", "hex": syn(1337)})
    assert [each["verdict"] for each in found] == ["DISCARD", "DISCARD", "ACCEPT"]
    assert found[0]["path"] == found[0]["states"] == []


@pytest.mark.parametrize("kind", ["tcp-reset", "icmp-port-unreachable"])
def test_an_answer_the_capture_shows_again_is_walked_once(tmp_path: Path, kind: str) -> None:
    """As tcpdump on the box sees it: with another IP id, and checksums the network card would have filled in."""
    rules = RULES.replace("--dport 1337 -j ACCEPT", f"--dport 1337 -j REJECT --reject-with {kind}")
    (one,) = walk(tmp_path, {"in": "wan", "hex": syn(1337)}, rules=rules)
    answer = bytearray.fromhex(one["out"][0][1])
    answer[4:6], answer[10:12] = b"\x12\x34", b"\0\0"
    answer[10:12] = checksum(bytes(answer[:20])).to_bytes(2, "big")
    syns = [craft.tcp(CLIENT, SERVER, 4000, 1337, SYN, seq=100)] * 2
    path = tmp_path / "seen.pcap"
    path.write_bytes(pcap(syns[0], bytes(answer), syns[1], bytes(answer), bytes(answer), link=RAW))
    firewall, notes = box(tmp_path, rules), list[str]()
    found = [as_object(traced) for traced in trace(firewall, path, note=notes.append)]
    assert [(each["n"], each["verdict"]) for each in found[:2]] == [(1, "REJECT"), (2, "REJECT")]
    assert notes == ["seen.pcap: left out 2 answers the box makes by itself: told under the packet that is answered"]
    assert len(found) == 3, "the third answer answers nothing"
    assert firewall.counters["filter:OUTPUT"][0] == 3


def test_an_answer_in_a_jsonl_file_is_what_somebody_wanted_to_send(tmp_path: Path) -> None:
    rules = RULES.replace("--dport 1337 -j ACCEPT", "--dport 1337 -j REJECT --reject-with tcp-reset")
    (one,) = walk(tmp_path, {"in": "wan", "hex": syn(1337)}, rules=rules)
    assert len(walk(tmp_path, {"in": "wan", "hex": syn(1337)}, {"in": None, "hex": one["out"][0][1]}, rules=rules)) == 2


def test_json_is_one_line_a_packet(tmp_path: Path) -> None:
    (traced,) = trace(box(tmp_path), _file(tmp_path, {"t": 0.25, "in": "wan", "hex": syn(22)}))
    assert "\n" not in json_line(traced)
    assert json.loads(json_line(traced))["t"] == 0.25


def test_json_is_json_in_every_character_set(tmp_path: Path) -> None:
    path = tmp_path / "box.rules"
    path.write_text(RULES)
    firewall = parse_box(("über=203.0.113.1/24",), (), ()).firewall(path)
    (traced,) = trace(firewall, _file(tmp_path, {"t": 0, "in": "über", "hex": syn(22)}))
    assert json_line(traced).isascii()
    assert json.loads(json_line(traced))["in"] == "über"


def _file(folder: Path, *packets: dict[str, Any]) -> Path:
    path = folder / "some.jsonl"
    path.write_text("".join(json.dumps(packet) + "\n" for packet in packets))
    return path


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ([{"t": 1, "in": "wan", "hex": "45"}, {"t": 0.5, "in": "wan", "hex": "45"}], 'some.jsonl, line 2, field "t": 0.5 is before'),
        ([{"t": 1, "in": "dmz", "hex": "45"}], "some.jsonl, line 1, field \"in\": the box has no interface 'dmz' (it has "),
    ],
)
def test_a_packet_that_cannot_be_placed_is_told_by_line_and_field(tmp_path: Path, packets: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        list(trace(box(tmp_path), _file(tmp_path, *packets)))
    assert str(caught.value).startswith(said)


def test_a_packet_from_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "open.rules").write_text(OPEN)
    firewall = parse_box(("wan=203.0.113.1/24",), (), ()).firewall(tmp_path / "open.rules")
    with pytest.raises(BadInput, match=r"some\.jsonl, line 1: no route leads back to 198\.51\.100\.7"):
        list(trace(firewall, _file(tmp_path, {"t": 0, "hex": syn(22, FAR)})))


def test_ipv6_packets_are_left_out_with_a_note_where_there_are_no_rules_for_them(tmp_path: Path) -> None:
    six = craft.tcp(1, 2, 4000, 22, SYN, family=6).hex()
    notes: list[str] = []
    found = list(
        trace(box(tmp_path), _file(tmp_path, {"t": 0, "in": "wan", "hex": six}, {"t": 0, "in": "wan", "hex": syn(22)}), note=notes.append)
    )
    assert [traced.number for traced in found] == [1]
    assert notes == ["some.jsonl: left out 1 IPv6 packet: there are no rules for IPv6 (--rules6)"]


RULES6 = (
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n"
)


def _box6(tmp_path: Path) -> Firewall:
    (tmp_path / "open.rules").write_text(OPEN)
    (tmp_path / "six.rules").write_text(RULES6)
    return parse_box(("wan=2001:db8:1::1/64", "lan=192.168.0.1/16"), ("default=wan",), ()).firewall(
        tmp_path / "open.rules", rules6=tmp_path / "six.rules"
    )


BOX6, HOST6, LINK6 = (parse_address(text)[1] for text in ("2001:db8:1::1", "2001:db8:1::9", "fe80::9"))


def test_ipv6_packets_meet_the_rules_of_ip6tables(tmp_path: Path) -> None:
    echo = craft.icmp(HOST6, BOX6, 128, 0, 0x10001, b"ping", family=6)
    secret = craft.tcp(HOST6, BOX6, 4000, 22, SYN, family=6)
    found = list(
        trace(_box6(tmp_path), _file(tmp_path, {"t": 0, "hex": echo.hex()}, {"t": 0, "hex": secret.hex()}), answer=True, ipv6=True)
    )
    assert [(traced.interface, traced.walk.verdict) for traced in found] == [("wan", "ACCEPT"), ("wan", "DROP")]
    assert [traced.walk.path for traced in found] == [["filter:INPUT:rule:1"], ["filter:INPUT:rule:2"]]
    answers = [Packet(answer.packet.raw) for traced in found for answer in traced.answers]
    assert [(answer.icmp_type, answer.icmp_id, answer.dst) for answer in answers] == [(129, 1, HOST6)]


def test_what_says_nothing_of_its_link_came_by_the_one_that_has_ipv6(tmp_path: Path) -> None:
    asked = craft.icmp(LINK6, BOX6, 135, 0, 0, BOX6.to_bytes(16, "big"), family=6, ttl=255)
    (traced,) = trace(_box6(tmp_path), _file(tmp_path, {"t": 0, "hex": asked.hex()}), ipv6=True)
    assert (traced.interface, traced.walk.to) == ("wan", "local")


@pytest.mark.parametrize(
    ("interfaces", "routes", "sysctls", "said"),
    [
        ([], [], [], "--interface is missing"),
        (["wan"], [], [], "--interface wan: NAME=ADDRESS/LENGTH is wanted"),
        (["=1.2.3.4/24"], [], [], "--interface =1.2.3.4/24: '' is no name for an interface"),
        (["a/b=1.2.3.4/24"], [], [], "--interface a/b=1.2.3.4/24: 'a/b' is no name"),
        (["wan=1.2.3.4"], [], [], "--interface wan=1.2.3.4: '1.2.3.4' has no prefix length"),
        (["wan=1.2.3.400/24"], [], [], "--interface wan=1.2.3.400/24: '1.2.3.400/24' is not ADDRESS/LENGTH"),
        (["wan=1.2.3.4/24,mtu=9"], [], [], "--interface wan=1.2.3.4/24,mtu=9: '9' is no MTU (68 to 65535)"),
        (["wan=1.2.3.4/24", "wan=1.2.3.5/24"], [], [], "--interface wan=1.2.3.5/24: wan was already given"),
        (["wan=1.2.3.4/24"], ["wan"], [], "--route wan: CIDR=NAME is wanted"),
        (["wan=1.2.3.4/24"], ["10.0.0.1/8=wan"], [], "--route 10.0.0.1/8=wan: 10.0.0.1/8 has host bits set"),
        (["wan=1.2.3.4/24"], ["default=lan"], [], "--route default=lan: there is no interface 'lan' (given: wan)"),
        (["wan=1.2.3.4/24"], ["default=wan,1.2.3.1"], [], "--route default=wan,1.2.3.1: after the comma, `via ADDRESS` is wanted"),
        (["wan=1.2.3.4/24"], ["default=wan,via x"], [], "--route default=wan,via x: after the comma, `via ADDRESS` is wanted"),
        (["wan=1.2.3.4/24"], [], ["net.ipv4.ip_forward"], "--sysctl net.ipv4.ip_forward: KEY=VALUE is wanted"),
        (["wan=1.2.3.4/24"], [], ["net.ipv4.ip_forward=yes"], "--sysctl net.ipv4.ip_forward=yes: 'yes' is not a whole number"),
        (["wan=1.2.3.4/24"], [], ["net.ipv4.ip_forward=1_0"], "--sysctl net.ipv4.ip_forward=1_0: '1_0' is not a whole number"),
        (["wan=1.2.3.4/24"], [], ["net.ipv4.ip_forward=٣"], "--sysctl net.ipv4.ip_forward=٣: '٣' is not a whole number"),
        (["\x1b[2J=1.2.3.4/24"], [], [], "--interface \x1b[2J=1.2.3.4/24: '\\x1b[2J' is no name for an interface"),
        (["..=1.2.3.4/24"], [], [], "--interface ..=1.2.3.4/24: '..' is no name for an interface"),
        (["wan=1.2.3.4/24"], [], ["no.such.thing=1"], "sysctl no.such.thing is not simulated"),
    ],
    ids=range(20),
)  # fmt: skip
def test_an_option_that_makes_no_sense_is_told(
    tmp_path: Path, interfaces: list[str], routes: list[str], sysctls: list[str], said: str
) -> None:
    (tmp_path / "box.rules").write_text(RULES)
    with pytest.raises(BadInput) as caught:
        parse_box(interfaces, routes, sysctls).firewall(tmp_path / "box.rules")
    assert str(caught.value).startswith(said)


def test_options_make_the_box_they_describe(tmp_path: Path) -> None:
    made = parse_box(
        ["wan=203.0.113.1/24,203.0.113.2/24,mtu=1400", "lan=192.168.0.1/16,fd00::1/64"],
        ["default=wan,via 203.0.113.254", "10.0.0.0/8=lan"],
        ["net.ipv4.ip_forward=0"],
    )
    assert made.interfaces == {"wan": ["203.0.113.1/24", "203.0.113.2/24"], "lan": ["192.168.0.1/16", "fd00::1/64"]}
    assert made.mtus == {"wan": 1400}
    assert made.routes == {"default": ("wan", "203.0.113.254"), "10.0.0.0/8": "lan"}
    assert made.sysctls == {"net.ipv4.ip_forward": 0}


def test_a_router_forwards_unless_told_otherwise() -> None:
    assert parse_box(["wan=203.0.113.1/24"], [], []).sysctls == {"net.ipv4.ip_forward": 1}


def test_a_broken_rule_is_told_by_file_and_line_with_a_caret(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        box(tmp_path, RULES.replace("--dport 1337", "--dprot 1337"))
    first, line, caret, hint = str(caught.value).splitlines()
    assert hint.startswith("    did you mean --dport")
    assert first.startswith(f"{tmp_path / 'box.rules'}, line 6: ")
    assert line.strip().startswith("-A INPUT -p tcp -m tcp --dprot 1337")
    assert caret.index("^") == line.index("--dprot")


def refusal(tmp_path: Path, rules: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        box(tmp_path, rules)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("short", ["nf_conntrack_tcp_loose", "net/netfilter/nf_conntrack_tcp_loose", "netfilter.nf_conntrack_tcp_loose"])
def test_a_sysctl_named_short_is_told_its_whole_name(tmp_path: Path, short: str) -> None:
    if short.startswith("net/"):
        assert box(tmp_path, sysctls=(f"{short}=0",)).sysctls["net.netfilter.nf_conntrack_tcp_loose"] == 0
        return
    with pytest.raises(BadInput, match=r"did you mean net\.netfilter\.nf_conntrack_tcp_loose\?"):
        box(tmp_path, sysctls=(f"{short}=0",))


def test_a_caret_stands_below_its_word_also_behind_a_line_break() -> None:
    firewall = Firewall({})
    with pytest.raises(RuleRefused) as caught:
        firewall.iptables("-A INPUT -p tcp\n --dport 80 --foo -j DROP")
    _, line, carets = explain_refusal("--rule", caught.value).split("\n    ")[:3]
    assert line[carets.index("^") :].startswith("--foo ")


def test_a_table_without_chains_is_no_table_of_iptables_nft(tmp_path: Path) -> None:
    firewall = Firewall({}, variant="nft")
    firewall.restore("*filter\nCOMMIT\n")
    assert not firewall.ruleset().tables


def test_what_is_not_simulated_is_told_with_what_is(tmp_path: Path) -> None:
    *_, caret, hint = refusal(tmp_path, RULES.replace("-m tcp --dport 1337", "-m socket --transparent"))
    assert caret.strip() == "^" * len("socket")
    assert hint.startswith("    matches: ")
    assert "carriage return" in refusal(tmp_path, RULES.replace("\n", "\r\n"))[-1]


def test_the_caret_stands_under_the_place_also_behind_letters_that_are_shown_longer(tmp_path: Path) -> None:
    _, line, caret, *_ = refusal(tmp_path, RULES.replace("-p tcp -m tcp --dport 1337", '-m comment --comment "\x1b[2J" --dprot\t1337'))
    assert "\\x1b[2J" in line
    assert caret.index("^") == line.index("--dprot")
    assert caret.strip() == "^" * len("--dprot")


def test_of_an_endless_line_only_what_is_near_the_place_is_shown(tmp_path: Path) -> None:
    comments = ' -m comment --comment "' + "x" * 250 + '"'
    for rule in (f"-A INPUT{comments} --dprot 22", f"-A INPUT --dprot 22{comments}", f"-A INPUT{comments * 50}"):
        _, line, caret, *_ = refusal(tmp_path, f"*filter\n{rule}\nCOMMIT\n")
        assert len(line) < 140
        assert "..." in line
        assert len(caret) <= len(line)
        if "--dprot" in rule:
            assert caret.index("^") == line.index("--dprot")


def test_a_file_that_ends_too_early_needs_no_caret(tmp_path: Path) -> None:
    assert refusal(tmp_path, "*filter\n") == [f"{tmp_path / 'box.rules'}, line 2: COMMIT expected at line 2"]


def test_a_file_without_rules_is_used_and_told(tmp_path: Path) -> None:
    path = tmp_path / "empty.rules"
    path.write_text("# nothing\n")
    notes: list[str] = []
    parse_box(("wan=203.0.113.1/24",), (), ()).firewall(path, notes.append)
    assert notes == [f"{path}: no rules in there; a box without rules lets everything through"]


def report(tmp_path: Path, *packets: dict[str, Any], ink: Ink, answer: bool = False, events: bool = False) -> str:
    path = _file(tmp_path, *packets)
    firewall = box(tmp_path)
    writer = Report(firewall, ink, events=events)
    lines = [line for traced in trace(firewall, path, answer=answer) for line in writer.lines(traced)]
    return "\n".join([*lines, writer.summary()])


def test_people_read_what_decided_and_how_near_it_was(tmp_path: Path) -> None:
    text = report(tmp_path, {"t": 0, "in": "wan", "hex": syn(22)}, ink=Ink())
    first, *rest = text.splitlines()
    assert first.split() == ["1", "0.000000", "wan", "tcp", "203.0.113.9:4000", ">", "203.0.113.1:22", "SYN", "NEW", "DROP"]
    assert any("INPUT" in line and "filter INPUT policy DROP" in line for line in rest)
    assert any("nearly" in line and "filter INPUT rule 3: -s 192.168.0.0/16 is false" in line and "203.0.113.9" in line for line in rest)
    assert any("ctstate" in line and "NEW: no entry has its tuple" in line for line in rest)
    assert rest[-1] == "1 packet: 1 DROP"


def test_the_state_of_a_rejected_packet_is_its_own_and_not_that_of_the_answer(tmp_path: Path) -> None:
    (tmp_path / "reject.rules").write_text(RULES.replace("--dport 1337 -j ACCEPT", "--dport 1337 -j REJECT"))
    firewall = parse_box(("wan=203.0.113.1/24",), (), ()).firewall(tmp_path / "reject.rules")
    (traced,) = trace(firewall, _file(tmp_path, {"t": 0, "in": "wan", "hex": syn(1337)}))
    assert traced.walk.states[-1][1] == "RELATED"
    assert next(Report(firewall, Ink()).lines(traced)).split()[-2:] == ["NEW", "REJECT"]


def test_events_are_told_under_the_packet_that_caused_them(tmp_path: Path) -> None:
    packets = [{"t": 0, "in": "wan", "hex": syn(1337)}, {"t": 1, "in": "wan", "hex": syn(22)}]
    lines = report(tmp_path, *packets, ink=Ink(unicode=False), answer=True, events=True).splitlines()
    told = [line.split()[1:] for line in lines if line.split()[:2] == ["|", "event"]]
    assert [words[1:6] for words in told] == [["[NEW]", "tcp", "6", "120", "SYN_SENT"], ["[DESTROY]", "tcp", "6", "120", "CLOSE"]]


def test_events_of_a_capture_are_those_conntrack_would_have_printed(tmp_path: Path) -> None:
    events = Events(timestamps=True)
    lines = [line for traced in trace(box(tmp_path), ASSETS / "handshake.pcap") for line in events.lines(traced)]
    assert [line.split()[1:2] + line.split()[5:6] for line in lines] == [
        ["[NEW]", "SYN_SENT"], ["[UPDATE]", "SYN_RECV"], ["[UPDATE]", "ESTABLISHED"], ["[UPDATE]", "FIN_WAIT"], ["[UPDATE]", "LAST_ACK"],
        ["[UPDATE]", "TIME_WAIT"],
    ]  # fmt: skip


def test_a_log_rules_line_is_told_under_the_packet(tmp_path: Path) -> None:
    rules = RULES.replace("COMMIT", '-A INPUT -m limit --limit 1/hour --limit-burst 1 -j LOG --log-prefix "dropped: "\nCOMMIT')
    path = _file(tmp_path, *({"t": number, "in": "wan", "hex": syn(22)} for number in range(2)))
    writer = Report(firewall := box(tmp_path, rules), Ink())
    text = [line for traced in trace(firewall, path) for line in writer.lines(traced)]
    (logged,) = (line for line in text if "dropped: IN" in line)
    assert "log         dropped: IN=wan OUT= MAC= SRC=203.0.113.9 DST=203.0.113.1 LEN=40 " in logged
    assert sum("filter INPUT policy DROP" in line for line in text) == 2


def test_the_box_own_answer_is_told_under_the_packet(tmp_path: Path) -> None:
    text = report(tmp_path, {"t": 0, "in": "wan", "hex": syn(1337)}, ink=Ink(), answer=True)
    assert any("RST+ACK" in line and "203.0.113.1:1337 > 203.0.113.9:4000" in line for line in text.splitlines())


def test_a_terminal_without_utf8_gets_ascii_and_colours_only_when_wanted(tmp_path: Path) -> None:
    packet = {"t": 0, "in": "wan", "hex": syn(22)}
    assert report(tmp_path, packet, ink=Ink(unicode=False)).isascii()
    assert "\x1b[" not in report(tmp_path, packet, ink=Ink())
    assert "\x1b[1;31mDROP" in report(tmp_path, packet, ink=Ink(colour=True))


def test_words_from_a_rules_file_cannot_write_escape_codes(tmp_path: Path) -> None:
    evil = RULES.replace("-p tcp -m tcp --dport 1337", '-p tcp -m comment --comment "\x1b[2Jgone" -m tcp --dport 1337')
    path = _file(tmp_path, {"t": 0, "in": "wan", "hex": syn(1337)})
    firewall = box(tmp_path, evil)
    writer = Report(firewall, Ink())
    assert "\x1b" not in "".join(line for traced in trace(firewall, path) for line in writer.lines(traced))


def test_data_after_the_handshake_shows_its_size(tmp_path: Path) -> None:
    data = craft.tcp(CLIENT, SERVER, 4000, 1337, ACK, seq=1, payload=b"hello").hex()
    assert "ACK, 5 bytes" in report(tmp_path, {"t": 0, "in": "wan", "hex": data}, ink=Ink())
    assert "1 byte, truncated" in report(tmp_path, {"t": 0, "in": "wan", "hex": "45"}, ink=Ink())


def test_the_time_is_that_of_the_capture_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    """The handshake was captured in 2026; a line of jsonl has no date, and counts from Monday, 2024-01-01."""
    rules = OPEN.replace("-A FORWARD -m conntrack --ctstate NEW", "-A INPUT -m time --datestart 2025-01-01")
    path = tmp_path / "packet.jsonl"
    path.write_text(json.dumps({"t": 0, "in": "wan", "hex": syn(22)}) + "\n")
    for packets, clock, held in (
        (ASSETS / "handshake.pcap", None, True),
        (ASSETS / "handshake.pcap", BEGAN, False),
        (path, None, False),
        (path, parse("2025-01-01"), True),
    ):
        first = next(iter(trace(box(tmp_path, rules), packets, clock=clock)))
        assert ("filter:INPUT:rule:1" in first.walk.path) is held
