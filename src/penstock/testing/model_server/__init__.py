"""A model server that says what a script tells it to: for tests, benchmarks, and for trying flows without a key.

    python -m penstock.testing.model_server --port 0 --log calls.jsonl --delay-ms 50 --script script.json

It is a process of its own, prints one line `{"url": "http://127.0.0.1:PORT"}` when it is ready, and speaks OpenAI's
chat completions, Anthropic's messages and Gemini's generateContent. `ModelServer` starts and stops one:

    with ModelServer.start(rules=[{"contains": "boom", "status": 429, "retryAfterSeconds": 1, "times": 2}]) as server:
        ...  # base URL: server.url + "/v1"
        assert server.calls()[0]["model"] == "gpt-4o-mini"
"""

from penstock.testing.model_server.process import ModelServer

__all__ = ["ModelServer"]
