#!/bin/bash
# Guess: SGLang's router asks a new worker the question of --health-check-endpoint, so that one which
# is ready, and says so at /ready within milliseconds, serves as soon as it is listed.
#
# Seen: before it adds a worker the router asks for /health, twice, one after the other (to classify
# it, and to find its protocol), whatever --health-check-endpoint says. SGLang's /health generates a
# token and takes a second at least (0.5.23), so a worker serves two seconds after it was listed, each
# time that it is taken out and put back: in a change of role, too. `runtime_type`, with which the
# router asks once only, is a field of `POST /workers` and unknown to the file of its discovery.
#
# smg 1.13.0. Needs Python 3.11 or newer. Exits with 1 if any of this changes.
set -euo pipefail

folder=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install smg==1.13.0

cat >worker.py <<'PY'
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS = {"/server_info": {"model_path": "model"}, "/model_info": {"model_path": "model"}}


class Worker(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            time.sleep(1.0)  # as long as SGLang's takes at least
            with open("asked", "a") as asked:
                asked.write("/health\n")
        body = json.dumps(ANSWERS.get(self.path, {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Worker)
with open("port", "w") as port:
    port.write(str(server.server_address[1]))
server.serve_forever()
PY

python3 worker.py & started+=($!)
until [ -s port ]; do sleep 0.1; done
worker=http://127.0.0.1:$(cat port)
router=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
metrics=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

list() {
    echo "{\"version\": 1, \"workers\": [{\"id\": \"one\", \"url\": \"$worker\", \"worker_type\": \"decode\"$1}]}"
}

list '' >workers.json
venv/bin/smg launch --host 127.0.0.1 --port "$router" --prometheus-host 127.0.0.1 \
    --prometheus-port "$metrics" --pd-disaggregation --discovery-provider file \
    --discovery-file "$folder/workers.json" --health-check-endpoint /ready \
    --disable-tokenizer-autoload >router.log 2>&1 & started+=($!)
for _ in $(seq 300); do
    curl -s "http://127.0.0.1:$router/workers" | grep -q '"status":"ready"' && break
    sleep 0.1
done
echo "asked for /health before it serves: $(wc -l <asked) times" | tee seen

list ', "runtime_type": "sglang"' >workers.new && mv workers.new workers.json
for _ in $(seq 300); do
    grep -q 'unknown field' router.log && break
    sleep 0.1
done
echo "runtime_type in the file: $(grep -o 'unknown field `runtime_type`' router.log | head -1)" | tee -a seen

cat >expected <<'TEXT'
asked for /health before it serves: 2 times
runtime_type in the file: unknown field `runtime_type`
TEXT
diff expected seen && echo "As written above."
