"""What ESs are told of decisions: exactly the tasks that stay with their UEs."""

import pytest

from controller.notices import notices_of
from testbed.model.delay import NS_PER_S
from testbed.model.task import LOCAL, OFFLOAD, Phase
from testbed.protocol.actions import Alarm, Send
from testbed.protocol.messages import Decision, Kept
from tests.support import system


def decided(ue, choice, at=NS_PER_S):
    return Send(to=ue, body=Decision(ue=ue, slot=1, choice=choice, asked_ns=at), at_ns=at, phase=Phase.DECIDE)


@pytest.mark.parametrize(
    ("actions", "sent"),
    [
        ([], []),
        ([Alarm(1, None), decided("ue-1-1", OFFLOAD)], []),
        ([decided("ue-1-1", LOCAL), decided("ue-1-2", OFFLOAD)], [("es-1", Kept(NS_PER_S, (0,)))]),
        (
            [decided("ue-1-1", LOCAL), decided("ue-2-1", LOCAL), decided("ue-1-2", LOCAL)],
            [("es-1", Kept(NS_PER_S, (0, 1))), ("es-2", Kept(NS_PER_S, (2,)))],
        ),
        (
            [decided("ue-1-1", LOCAL), decided("ue-1-1", LOCAL, 2 * NS_PER_S)],
            [("es-1", Kept(NS_PER_S, (0,))), ("es-1", Kept(2 * NS_PER_S, (0,)))],
        ),
    ],
)
def test_an_es_is_told_which_ues_of_its_cell_keep_what_they_asked_about(actions, sent):
    notices = notices_of(system((2, 1), (NS_PER_S, NS_PER_S)))
    assert [(send.to, send.body) for send in notices(actions)] == sent
