"""DeepEval: answers of the model become test cases, and `evaluate` scores them with `ExactMatchMetric`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import turn
from deepeval import evaluate as evaluate_cases
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase
from openai import AsyncOpenAI


async def answers(rows: list[dict[str, str]], base_url: str, concurrency: int) -> list[LLMTestCase]:
    places = asyncio.Semaphore(concurrency)
    async with AsyncOpenAI(base_url=base_url, api_key="unused") as client:

        async def answer(row: dict[str, str]) -> LLMTestCase:
            async with places:
                said = await client.chat.completions.create(
                    model=turn.MODEL, messages=[{"role": "user", "content": row["input"]}]
                )
            text = said.choices[0].message.content or ""
            return LLMTestCase(input=row["input"], actual_output=text, expected_output=row["truth"])

        return await asyncio.gather(*map(answer, rows))


def evaluate(rows: Path, base_url: str, concurrency: int) -> int:
    cases = asyncio.run(answers(list(turn.read(rows)), base_url, concurrency))
    found = evaluate_cases(
        cases,
        [ExactMatchMetric()],
        async_config=AsyncConfig(max_concurrent=concurrency),
        display_config=DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False),
        cache_config=CacheConfig(write_cache=False, use_cache=False),
    )
    return sum(result.success for result in found.test_results)


if __name__ == "__main__":
    turn.main(evaluate)
