"""The manager: the only way to a model.

    lease = yield from manager.acquire("tales")    # Progress and Queued meanwhile
    with lease:
        stepper = lease.model.stepper()
        with lease.turn():                         # one computing step
            logits, logprobs = stepper.prefill(input_ids)

States of a model: absent → loading → ready ⇄ in use → absent; failed, with back-off. One load
in flight per model; one in use is never dropped; the least recently used idle one goes first;
what cannot fit is refused before anything is dropped for it. Importing this imports no torch.

`_manager` the face · `_handles` what it hands out · `_loads` from asked-for to ready ·
`_ledger` who holds how many bytes · `_turns` whose turn it is ·
`_machine` what this computer can do · `_loader` the real files.
"""

from playground.manager._handles import Kept, Lease, Memory, ModelInfo, Reserved
from playground.manager._machine import spare_arenas
from playground.manager._manager import ModelManager

__all__ = ["Kept", "Lease", "Memory", "ModelInfo", "ModelManager", "Reserved", "spare_arenas"]
