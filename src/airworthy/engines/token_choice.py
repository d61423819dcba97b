"""How a request's next token is chosen from what the model says, with PyTorch and the warpers of transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airworthy.core.messages import say
from airworthy.engines.generation import GenerationRequest, InvalidGeneration, Sampling


class TokenChoice:
    """One request's: its random numbers are its own, so that a seed repeats an answer whatever runs beside it."""

    def __init__(self, torch: Any, library: Any, request: GenerationRequest, network: Any, ends: Sequence[int]) -> None:
        """Prepare the steps.

        Args:
            torch: PyTorch.
            library: transformers.
            request: the request.
            network: the model; its generation configuration says what the request leaves out.
            ends: tokens that end an answer.

        Raises:
            InvalidGeneration: a bias names a token that there is not, or a number is out of its range.
        """
        self._torch = torch
        sampling = request.sampling
        self._sampling = sampling
        self._banned = list(ends) if request.ignore_end else []
        size = network.get_output_embeddings().out_features
        try:
            self._bias = {int(token): float(bias) for token, bias in sampling.logit_bias.items()}
        except ValueError:
            self._bias = {-1: 0.0}
        if not all(0 <= token < size for token in self._bias):
            raise InvalidGeneration(
                detail=say("`logit_bias` names tokens by their ids, from 0 to {last}", last=size - 1)
            )
        temperature, self._warpers = 0.0, []
        try:
            temperature = _temperature(sampling, network.generation_config)
            if temperature > 0:
                self._warpers = list(_warpers(library, sampling, network.generation_config, temperature))
            self._repetition = (
                library.RepetitionPenaltyLogitsProcessor(float(sampling.repeat_penalty))
                if sampling.repeat_penalty is not None
                else None
            )
        except ValueError as error:
            raise InvalidGeneration(detail=str(error)) from None
        self._is_greedy = temperature <= 0
        self._chance = torch.Generator(device="cpu")
        if sampling.seed is None:
            self._chance.seed()
        else:
            self._chance.manual_seed(sampling.seed % (1 << 63))

    def next(self, logits: Any, prompt: Sequence[int], generated: Sequence[int]) -> int:
        """The next token, from logits of shape (vocabulary,)."""
        torch, sampling = self._torch, self._sampling
        scores = logits.clone()
        if self._repetition is not None:
            before = torch.tensor([[*prompt, *generated]], device=scores.device)
            scores = self._repetition(before, scores[None])[0]
        if generated and (sampling.presence_penalty or sampling.frequency_penalty):
            ids, counts = torch.tensor(list(generated), device=scores.device).unique(return_counts=True)
            scores[ids] -= sampling.presence_penalty + sampling.frequency_penalty * counts
        for token, bias in self._bias.items():
            scores[token] += bias
        scores[self._banned] = -torch.inf
        if self._is_greedy:
            return int(scores.argmax())
        rows = scores[None]
        for warper in self._warpers:
            rows = warper(None, rows)
        chances = torch.softmax(rows[0], -1).cpu()
        return int(torch.multinomial(chances, 1, generator=self._chance))


def _temperature(sampling: Sampling, configuration: Any) -> float:
    """The request's; else what the model's authors sample with, and OpenAI's 1 where they say nothing."""
    if sampling.temperature is not None:
        return sampling.temperature
    authors = getattr(configuration, "temperature", None) if getattr(configuration, "do_sample", False) else None
    return 1.0 if authors is None else float(authors)


def _warpers(library: Any, sampling: Sampling, configuration: Any, temperature: float) -> Iterator[Any]:
    def chosen(name: str) -> Any:
        given = getattr(sampling, name)
        is_sampled = getattr(configuration, "do_sample", False)
        return given if given is not None else getattr(configuration, name, None) if is_sampled else None

    yield library.TemperatureLogitsWarper(float(temperature))
    if chosen("top_k"):
        yield library.TopKLogitsWarper(int(chosen("top_k")))
    if chosen("top_p") is not None and chosen("top_p") < 1:
        yield library.TopPLogitsWarper(float(chosen("top_p")))
    if chosen("min_p"):
        yield library.MinPLogitsWarper(float(chosen("min_p")))
