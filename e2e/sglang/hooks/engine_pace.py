"""Gives the tiny model the step times of a larger one, by SGLang's own `--forward-hooks`.

It sleeps after each pass, which costs no CPU: each engine then has a capacity of its own, whatever
the machine, and a further engine really adds some. The pass itself (1 to 30 ms here) comes on top.
"""

import time


def pace(config):
    """A hook on the model; milliseconds of a pass, and of each of its tokens or sequences."""

    def hook(_module, arguments, _output):
        tokens, batch = int(arguments[0].shape[0]), arguments[2]
        step = "decode" if batch.forward_mode.is_decode() else "prefill"
        each = config["decode_sequence_ms" if step == "decode" else "prefill_token_ms"]
        time.sleep((config[f"{step}_ms"] + each * tokens) / 1e3)

    return hook
