"""A run in which a program changes the rules, on the kernel: fail2ban's ban falls where it fell, and does what it did."""

from __future__ import annotations

from fwtutor.judging.judge import put
from fwtutor.judging.recorded import from_run
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Order
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.recording.run import Run
from tests.network.test_fail2ban import scenario


def test_a_ban_in_the_middle_of_a_run_is_what_the_kernel_says(kernel: Kernel) -> None:
    run = Run(scenario())
    run.enter("attacker", "sshpass -p x ssh server")
    # What the banned one sends again for minutes is left out: the kernel would take as long.
    last = max(record.index for record in run.records if record.at < 5 * SECOND // 2)
    question = from_run(run, last=last)
    assert len([item for item in question.items if isinstance(item, Order)]) == 4
    assert put(kernel, question).differences == ()
