"""One network is built at a time.

While transformers and diffusers build a network, they change what is everybody's: torch's default dtype and its
initialisers, the way a module takes in a parameter, `PreTrainedModel.tie_weights`. Two that do so at once put back
what the other had put there, and from then on every model with tied weights comes out broken; a training that builds
its network meanwhile gets weights of another dtype, or none.
"""

import threading

BUILDING = threading.RLock()
"""To be held wherever a network is built or read."""
