"""Writes the tables of ``run.db`` into docs/runs.md, from the row structs themselves.

python docs/schema.py            print them
python docs/schema.py --write    bring docs/runs.md up to date
"""

import sys
from pathlib import Path

import msgspec

from testbed.record.writer import SCHEMA_VERSION, TABLES

PAGE = Path(__file__).parent / "runs.md"
BEGIN, END = "<!-- tables: .venv/bin/python docs/schema.py --write -->", "<!-- end of tables -->"
TYPES = {int: "integer", bool: "0 or 1", float: "real", str: "text"}

MEANINGS = {
    "tasks.ue": "name of the user equipment",
    "tasks.number": "counts the UE's tasks from 0; with `ue` the key",
    "tasks.cell": "cell of the UE, from 1",
    "tasks.generated_ns": "when it was generated",
    "tasks.input_bits": "input data d",
    "tasks.cycles": "work c",
    "tasks.deadline_ns": "tolerable delay τ, counted from generation",
    "tasks.state": "`decided` while under way, with instants as planned, then `completed`, `late` or `failed`",
    "tasks.reason": "why it failed: `ue died`, `drain limit`, `interrupted`",
    "tasks.slot": "slot of the decision (with `epoch: arrival`: the slot it fell into)",
    "tasks.asked_ns": "when the UE asked",
    "tasks.think_ns": "from ask to answer",
    "tasks.choice": "0 local, 1 offload",
    "tasks.version": "version of the policy that decided",
    "tasks.log_probability": "of the decision, for learned policies",
    "tasks.fallback": "why the fallback decided instead; empty if it did not",
    "tasks.es": "the edge server that executed it, or has it",
    "tasks.forwarded": "second offload: executed at another ES than the own",
    "tasks.rejected": "an ES had no place for it",
    "tasks.recovered": "came back to the local queue because its ES died",
    "tasks.attempts": "transmissions that it took",
    "tasks.ready_ns": "decided: asked + think",
    "tasks.tx_start_ns": "first bit sent",
    "tasks.tx_end_ns": "last bit sent",
    "tasks.arrival_ns": "at the own ES",
    "tasks.es_arrival_ns": "at the executing ES (after the backhaul, if forwarded)",
    "tasks.reentry_ns": "back in the local queue after a rejection or a death",
    "tasks.start_ns": "execution began",
    "tasks.end_ns": "execution ended",
    "tasks.finished_ns": "the UE had the result: the ideal instant",
    "tasks.measured_ns": "delay as it was measured: released − generated",
    "tasks.energy_j": "the UE's energy from the model's quantities",
    "tasks.energy_measured_j": "the UE's energy from achieved times",
    "tasks.overhead": "λt·delay + λe·energy, as measured",
    "tasks.slot_wait_ns": "generated until asked",
    "tasks.decision_ns": "asked until decided",
    "tasks.radio_wait_ns": "decided until the first bit",
    "tasks.airtime_ns": "first to last bit",
    "tasks.latency_ns": "last bit until arrival: latency and jitter",
    "tasks.backhaul_ns": "to the other ES",
    "tasks.es_wait_ns": "in the ES's queue",
    "tasks.execution_ns": "at the ES",
    "tasks.return_ns": "of the result",
    "tasks.recovery_ns": "decided until back in the local queue, after a death",
    "tasks.local_wait_ns": "in the UE's own queue",
    "tasks.local_execution_ns": "on the UE",
    "tasks.emulation_ns": "what the emulation added: measured − ideal delay",
    "slots.es": "name of the edge server",
    "slots.slot": "the slot that begins",
    "slots.at_ns": "its first instant",
    "slots.backlog_ns": "announced: rest of what runs and all that waits, over F",
    "slots.waiting": "tasks waiting",
    "slots.own_cycles": "announced: waiting cycles of the own cell",
    "slots.forwarded_cycles": "announced: waiting cycles from other cells",
    "slots.air_cycles": "announced: cycles on the radio",
    "slots.busy_ns": "core time worked since the boundary before",
    "slots.over_threshold": "an own-cell task arriving now would wait longer than W_max",
    "ue_slots.ue": "name of the user equipment",
    "ue_slots.slot": "the slot that begins, up to the last one of generation",
    "ue_slots.at_ns": "its first instant",
    "ue_slots.queue_ns": "local queue: until the UE has executed everything it holds",
    "ue_slots.radio_wait_ns": "until its radio has sent everything it holds; -1 on a shared radio, which the ES keeps",
    "ue_slots.present": "its tasks in the system: undecided, on their way, waiting or executing",
    "ue_slots.undecided": "its tasks that it now asks for; 0 with `epoch: arrival`",
    "rewards.cell": "the cell, from 1",
    "rewards.slot": "the slot; goes on while the run drains",
    "rewards.at_ns": "its first instant",
    "rewards.reward": "of the cell's own tasks, by the scenario's `agent.reward`; the region's is the sum over cells",
    "rewards.stay_ns": "time that its tasks spent in the system in this slot, summed",
    "rewards.energy_j": "energy that its UEs spent on them in this slot, as measured",
    "rewards.decided": "tasks decided in this slot",
    "rewards.offloaded": "of these, offloaded",
    "links.link": "the sending UE, or the sending ES on the backhaul",
    "links.to": "the receiving ES",
    "links.ue": "of the task",
    "links.number": "of the task",
    "links.bits": "of one transmission",
    "links.attempts": "transmissions needed",
    "links.ready_ns": "ready to be sent",
    "links.start_ns": "first bit",
    "links.end_ns": "last bit",
    "links.arrival_ns": "arrival: last bit, latency and jitter",
    "updates.at_ns": "when",
    "updates.learner": "who learned",
    "updates.version": "of the weights after it",
    "updates.updates": "so far, those of earlier lives included",
    "updates.lag": "mean over the decisions it learned from",
    "updates.rate": "updates a second of wall time since the row before",
    "updates.loss": "of the update",
    "updates.entropy": "of the policy, in nats",
    "updates.reward": "mean reward of its slots",
    "events.at_ns": "when",
    "events.source": "process it happened to",
    "events.kind": "what happened, see below",
    "events.detail": "text or JSON, by kind",
    "events.value": "number, by kind",
}


def tables() -> str:
    """Every table of ``run.db`` in Markdown, in the recorder's order."""
    parts = [f"Version {SCHEMA_VERSION} of the schema (`meta.schema_version`)."]
    for row, table in TABLES.items():
        about = " ".join((row.__doc__ or "").split())
        parts.append(f"### {table}\n\n{about}\n\n| column | type | meaning |\n|---|---|---|")
        for field in msgspec.structs.fields(row):
            parts[-1] += f"\n| `{field.name}` | {TYPES[field.type]} | {MEANINGS[f'{table}.{field.name}']} |"
    return "\n\n".join(parts)


def page(text: str) -> str:
    """``text`` with the tables between its marks brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(PAGE.read_text()))
    else:
        print(tables())
