#!/bin/bash
# Guess: load generators that measure one and the same stream report about the same inter-token
# latency, so that an objective for it can be checked with any of them.
#
# Seen: not where a server tells several tokens in one chunk, as engines do under load or where it is
# asked for (SGLang's --stream-interval 16). A stream of 64 tokens, the first after 100 ms and one each
# 10 ms, told 1, 16, 16, 16, 15 at a time: aiperf's inter_token_latency is (latency - TTFT) / (tokens
# - 1), 10 ms, and what passes between two chunks has a name of its own. inference-perf's spreads each
# chunk over its tokens as one gap and many of nothing: the mean is 10 ms, median and P90 are 0. Only
# its time_per_output_token tells how fast tokens come.
#
# aiperf 0.13.0 (milliseconds) and inference-perf 0.7.0 (seconds). Needs Python 3.12 and 1 GB of disk;
# all traffic stays on loopback. Exits with 1 if any of this changes.
set -euo pipefail

python=${PYTHON:-python3.12}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' || {
    echo "needs Python 3.12, which inference-perf 0.7.0 asks for; say which: PYTHON=/path/to/python3.12 $0" >&2
    exit 2
}
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"

for client in aiperf==0.13.0 inference-perf==0.7.0; do
    "$python" -m venv "${client%%==*}"
    "${client%%==*}/bin/pip" install --quiet --disable-pip-version-check "$client"
done

cat >stream.py <<'PYTHON'
import json, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FIRST, EACH, TOKENS, TOGETHER = 0.100, 0.010, 64, 16


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        body = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        begun = time.monotonic()
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        told = 0
        while told < TOKENS:
            now = min(TOKENS, told + TOGETHER if told else 1)
            time.sleep(max(0, begun + FIRST + EACH * (now - 1) - time.monotonic()))
            end = "length" if now == TOKENS else None
            self.event(choices=[{"index": 0, "text": " ab" * (now - told), "finish_reason": end}])
            told = now
        if (asked.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 32, "completion_tokens": TOKENS, "total_tokens": 32 + TOKENS}
            self.event(choices=[], usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, **more):
        body = json.dumps({"id": "1", "object": "text_completion", "model": "m", **more})
        self.wfile.write(f"data: {body}\n\n".encode())
        self.wfile.flush()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open("port", "w") as file:
    file.write(str(server.server_port))
server.serve_forever()
PYTHON
"$python" stream.py &
server=$!
until [ -s port ]; do sleep 0.1; done
url=127.0.0.1:$(cat port)

# A tokenizer of two-letter words: nothing is downloaded.
inference-perf/bin/python 2>/dev/null <<'PYTHON'
from itertools import product
from string import ascii_lowercase

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

words = ["<unk>", "</s>", *map("".join, product(ascii_lowercase, repeat=2))]
inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
made = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="</s>")
made.save_pretrained("tokenizer")
PYTHON

aiperf/bin/aiperf profile --model m --endpoint-type completions --streaming --url "$url" \
    --tokenizer "$folder/tokenizer" --use-server-token-count --request-count 20 --concurrency 1 \
    --isl 32 --osl 64 --artifact-dir aiperf-result --ui none >aiperf.log 2>&1 ||
    { cat aiperf.log >&2; exit 1; }

cat >inference-perf.yaml <<YAML
load: {type: constant, num_workers: 1, stages: [{rate: 1, duration: 20}]}
api: {type: completion, streaming: true}
server: {type: sglang, model_name: m, base_url: "http://$url", ignore_eos: true}
tokenizer: {pretrained_model_name_or_path: $folder/tokenizer}
data:
  type: random
  input_distribution: {min: 32, max: 32, mean: 32, std_dev: 0, total_count: 20}
  output_distribution: {min: 64, max: 64, mean: 64, std_dev: 0, total_count: 20}
storage: {local_storage: {path: $folder/inference-perf-result}}
YAML
inference-perf/bin/inference-perf -c inference-perf.yaml >inference-perf.log 2>&1 ||
    { cat inference-perf.log >&2; exit 1; }

"$python" - <<'PYTHON' | tee seen
import json

one = json.load(open("aiperf-result/profile_export_aiperf.json"))
other = json.load(open("inference-perf-result/stage_0_lifecycle_metrics.json"))
latency = other["successes"]["latency"]


def told(milliseconds):
    """To the nearest ten: the machine's own time is no part of the finding."""
    return f"{10 * round(milliseconds / 10)} ms"


print("aiperf, inter_token_latency, median:", told(one["inter_token_latency"]["p50"]))
print("aiperf, inter_chunk_latency, median:", told(one["inter_chunk_latency"]["p50"]))
for name in ("inter_token_latency", "time_per_output_token"):
    for figure in ("mean", "median", "p90"):
        print(f"inference-perf, {name}, {figure}:", told(1e3 * latency[name][figure]))
PYTHON

cat >expected <<'TEXT'
aiperf, inter_token_latency, median: 10 ms
aiperf, inter_chunk_latency, median: 160 ms
inference-perf, inter_token_latency, mean: 10 ms
inference-perf, inter_token_latency, median: 0 ms
inference-perf, inter_token_latency, p90: 0 ms
inference-perf, time_per_output_token, mean: 10 ms
inference-perf, time_per_output_token, median: 10 ms
inference-perf, time_per_output_token, p90: 10 ms
TEXT
diff expected seen && echo "As written above."
