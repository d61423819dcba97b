"""A limit on a wait neither loses a cancellation nor what the work gave in the same turn."""

from __future__ import annotations

import asyncio

import pytest

from airworthy.serve.workers.upstreams.time_limits import within


async def _after(turns: int, result: int | Exception) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(result, Exception):
        raise result
    return result


def test_what_comes_in_time_is_given_back() -> None:
    assert asyncio.run(within(_after(3, 7), 5)) == 7
    with pytest.raises(KeyError):
        asyncio.run(within(_after(3, KeyError("x")), 5))


def test_what_takes_longer_is_cancelled() -> None:
    async def main() -> None:
        ended: list[str] = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("ended")

        with pytest.raises(asyncio.TimeoutError):
            await within(work(), 0.01)
        assert ended == ["ended"]

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(1, 8))
@pytest.mark.parametrize("result", [7, KeyError("x")])
def test_a_cancellation_is_kept_in_whatever_turn_it_comes(turns: int, result: int | Exception) -> None:
    async def main() -> None:
        undone: list[int] = []
        task = asyncio.ensure_future(within(_after(4, result), 5, undone.append))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_done = task.done()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or was_done
        assert not (undone and was_done)

    asyncio.run(main())
