"""What is said of helpers and of connections they expect, on a real FTP session through a box that translates."""

from __future__ import annotations

from pathlib import Path

from fwtutor.capture import read_packets
from fwtutor.netfilter import Firewall, why
from fwtutor.netfilter.steps import ExpectationMet, Expected, Helped

FTP = Path(__file__).parents[2] / "assets" / "ftp"


def said() -> list[str]:
    """Of every step a helper has a part in and that changed something."""
    box = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]})
    box.restore((FTP / "snat.rules").read_text())
    found = []
    for packet in read_packets(FTP / "port-snat.pcapng"):
        assert packet.interface
        walk = box.receive(packet.raw, on=packet.interface, at=packet.at / 1e9)
        for step in walk.steps:
            if isinstance(step, Expected | ExpectationMet) or (isinstance(step, Helped) and step.was is not step.packet):
                found.append(why(walk, step).text)
    return found


def test_a_helper_that_expects_a_connection_has_something_to_say() -> None:
    box = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]})
    # Without translation it has nothing to change.
    raw, _, rest = (FTP / "snat.rules").read_text().partition("*nat")
    box.restore(f"{raw}*filter{rest.partition('*filter')[2]}")
    told = []
    for packet in read_packets(FTP / "port.pcapng"):
        assert packet.interface
        walk = box.receive(packet.raw, on=packet.interface, at=packet.at / 1e9)
        words = [why(walk, step).text for step in walk.steps if isinstance(step, Helped | Expected)]
        told += [words] if len(words) == 2 else []
    assert told[0][0] == "the helper ftp has read it"
    assert told[0][1].startswith("the helper ftp expects tcp from ")


def test_the_way_of_an_active_ftp_session_is_told_in_words() -> None:
    words = said()
    assert words[0].startswith('the address named in it is translated too: "PORT 192,168,0,20,')
    assert '" becomes "PORT 203,0,113,1,' in words[0]
    assert words[0].endswith(", which makes it 1 byte shorter")
    assert words[1].startswith("the helper ftp expects tcp from 203.0.113.9 to 203.0.113.1:")
    assert any(text.endswith("was expected by the helper ftp, and here it is: RELATED") for text in words)
    assert any(text.startswith("what was sent before grew or shrank on its way: its ack ") for text in words)
    assert any(text.startswith("what was sent before grew or shrank on its way: its seq ") for text in words)
