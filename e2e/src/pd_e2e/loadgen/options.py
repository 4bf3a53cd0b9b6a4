"""The generator's command line."""

import argparse
from pathlib import Path

from pd_e2e.loadgen.azure import AZURE_REPLAYS, WORKDAY
from pd_e2e.loadgen.scenario import (
    STEADY,
    WHOLE_DAY,
    RecordedScenario,
    Scenario,
    SteadyScenario,
)

DESCRIPTION = """\
Play a load open-loop against an OpenAI-style endpoint: every request leaves when the schedule
says, whatever has become of the others. Record what the client saw of each.

Ctrl-C stops at once and still writes the records so far (exit status 130).
"""

SCENARIOS = f"""\
'{WORKDAY.name}': the bundled trace of two services, hours 11 to 23 of a working day after another;
'{WHOLE_DAY}': hours 8 to 24 of its last day, after a weekend;
'{STEADY}': one rate and one length;
a parquet file with arrival_s, input_tokens, output_tokens: exactly these arrivals
(%(default)s)
"""


def parser() -> argparse.ArgumentParser:
    """All options, in groups."""
    options = argparse.ArgumentParser(
        prog="python -m pd_e2e.loadgen",
        usage="%(prog)s --url URL --output FILE [options]",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_target(options.add_argument_group("whom"))
    _add_load(options.add_argument_group("what"))
    _add_steady(options.add_argument_group(f"what, when '{STEADY}'"))
    _add_judgment(options.add_argument_group("when it counts as attained"))
    _add_output(options.add_argument_group("what comes out"))
    return options


def _add_target(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--url", required=True, help="endpoint, for instance http://127.0.0.1:30000")
    group.add_argument("--model", default="default", help="model name to ask for (%(default)s)")
    group.add_argument(
        "--timeout-seconds", type=positive, default=120.0, help="per request (%(default)s)"
    )


def _add_load(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--scenario", default=WORKDAY.name, help=SCENARIOS)
    group.add_argument(
        "--speed",
        type=positive,
        help="times as fast as the trace (60 or 80 if bundled, 1 for a file)",
    )
    group.add_argument(
        "--scale", type=positive, help="share of the trace's rate (0.25 if bundled, 1 for a file)"
    )
    group.add_argument(
        "--warmup-seconds",
        type=float,
        default=0.0,
        help="of the load that comes before second 0; played, not judged (%(default)s)",
    )
    group.add_argument(
        "--start-at",
        type=float,
        help="unix time of second 0; if not given, as soon as the warm-up allows",
    )
    group.add_argument("--max-requests", type=int, help="send at most so many")
    group.add_argument("--seed", type=int, default=0, help="same seed, same requests (%(default)s)")


def _add_steady(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--rate", type=positive, default=10.0, help="requests per second (%(default)s)"
    )
    group.add_argument("--input-tokens", type=int, default=1000, help="prompt length (%(default)s)")
    group.add_argument("--output-tokens", type=int, default=100, help="answer length (%(default)s)")
    group.add_argument(
        "--duration-seconds", type=positive, default=60.0, help="how long (%(default)s)"
    )


def _add_judgment(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--ttft-milliseconds",
        type=positive,
        default=1000.0,
        help="time to first token (%(default)s)",
    )
    group.add_argument(
        "--tpot-milliseconds",
        type=positive,
        default=50.0,
        help="time per output token (%(default)s)",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--output", type=Path, required=True, help="parquet file of the records")
    group.add_argument(
        "--progress-file", type=Path, help="file that gets one JSON line of statistics per second"
    )


def positive(text: str) -> float:
    """A number above zero."""
    number = float(text)
    if not number > 0:
        message = f"{text} is not above zero"
        raise argparse.ArgumentTypeError(message)
    return number


def scenario(options: argparse.Namespace) -> Scenario:
    """The scenario that the options name; raises ValueError if there is none of that name."""
    name: str = options.scenario
    if name in AZURE_REPLAYS:
        return AZURE_REPLAYS[name].at(options.scale or 0.25, options.speed)
    if name == STEADY:
        return SteadyScenario(
            options.rate, options.input_tokens, options.output_tokens, options.duration_seconds
        )
    if not Path(name).is_file():
        known = "', '".join([*AZURE_REPLAYS, STEADY])
        message = f"--scenario {name}: neither one of '{known}' nor a file"
        raise ValueError(message)
    return RecordedScenario(Path(name), options.speed or 1.0, options.scale or 1.0)
