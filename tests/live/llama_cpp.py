"""llama.cpp's own HTTP server, as its wheel brings it, in a process of its own.

python -m tests.live.llama_cpp --model FILE --alias NAME --port PORT --api-key KEY
"""

import argparse
import signal

import xllamacpp

from tests.live.cores import THREADS


def main() -> None:
    """Serve until told to end; says on standard output where."""
    parser = argparse.ArgumentParser()
    for name in ("--model", "--alias", "--api-key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--num-ctx", type=int, default=4096)
    wished = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = wished.model
    params.model_alias = {wished.alias}
    params.n_parallel = 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.n_ctx = params.n_parallel * wished.num_ctx
    params.hostnames = ["127.0.0.1"]
    params.port = wished.port
    params.api_keys = [wished.api_key]
    params.ui = False
    params.verbosity = -1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
