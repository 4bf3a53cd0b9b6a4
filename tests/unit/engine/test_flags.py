from collections.abc import Sequence

import pytest

from pd_e2e.engine.flags import ServerArguments, parse_server_arguments, server_parser
from pd_operator.api.roles import Role


def parse(*argv: str, role: str = "prefill") -> ServerArguments:
    return parse_server_arguments(["--model-path", "m", "--disaggregation-mode", role, *argv])


def refusal(capsys: pytest.CaptureFixture[str], argv: Sequence[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        parse_server_arguments(argv)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_every_flag_of_the_real_server_is_there() -> None:
    options = {option for action in server_parser()._actions for option in action.option_strings}
    assert len(options) > 540
    assert options >= {"--tp-size", "--tensor-parallel-size", "--enable-pd-role-switch", "--config"}


def test_defaults_are_those_of_the_real_server() -> None:
    arguments = parse()
    assert arguments.host == "127.0.0.1"
    assert (arguments.port, arguments.bootstrap_port) == (30000, 8998)
    assert arguments.transfer_backend == "mooncake"
    assert (arguments.chunk_tokens, arguments.pass_tokens) == (8192, 16384)
    assert (arguments.stream_interval, arguments.reserved_decode_tokens) == (1, 512)
    assert not arguments.metrics
    assert not arguments.role_switch
    assert arguments.served_model_name == "m"
    assert arguments.ttft_buckets is None


def test_values_have_the_types_of_the_real_flags() -> None:
    arguments = parse(
        *("--bucket-time-to-first-token", "0.1", "0.8", "--context-length", "32k"),
        *("--max-total-tokens", "64Ki", "--extra-metric-labels", '{"pool": "a"}'),
        *("--chunked-prefill-size", "-1", "--tp", "4", "--mem-fraction-static", "0.9"),
    )
    assert arguments.ttft_buckets == (0.1, 0.8)
    assert (arguments.context_tokens, arguments.kv_tokens) == (32_000, 65_536)
    assert arguments.extra_metric_labels == {"pool": "a"}
    assert arguments.chunk_tokens is None
    assert arguments.tensor_parallel_size == 4
    assert arguments.everything["mem_fraction_static"] == 0.9


def test_the_model_may_stand_alone() -> None:
    arguments = parse_server_arguments(["org/model", "--disaggregation-mode", "decode"])
    assert arguments.model_path == "org/model"
    assert arguments.role is Role.DECODE


@pytest.mark.parametrize(
    ("role", "flags", "cached"),
    [
        ("prefill", (), True),
        ("prefill", ("--disable-radix-cache",), False),
        ("decode", (), False),
        ("decode", ("--disaggregation-decode-enable-radix-cache",), True),
    ],
)
def test_a_decode_has_no_prefix_cache_unless_asked(
    role: str, flags: tuple[str, ...], cached: bool
) -> None:
    arguments = parse(*flags, role=role)
    assert arguments.radix_cache is cached
    assert arguments.everything["disable_radix_cache"] is not cached


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["m", "--disaggregation-mode", "both"], "invalid choice: 'both'"),
        (["m", "--disaggregation-mode", "null"], "prefill or decode only"),
        (["m"], "prefill or decode only"),
        (["m", "--disaggregation-mode", "decode", "--port", "http"], "invalid int value"),
        (["m", "--disaggregation-mode", "decode", "--context-length", "1.5Ki"], "not an integer"),
        (["m", "--disaggregation-mode", "decode", "--config", "f.yaml"], "--config"),
        (
            ["m", "--disaggregation-mode", "prefill", "--disaggregation-transfer-backend", "fake"],
            "does not support 'fake'",
        ),
    ],
)
def test_what_means_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], argv: list[str], says: str
) -> None:
    assert says in refusal(capsys, argv)
