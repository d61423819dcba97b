"""Choices as rows of an answer."""

from __future__ import annotations

from airworthy.fit.choice import Choice
from airworthy.fit.commands import commands
from airworthy.fit.parts import MIB, Interval
from airworthy.fit.question import FitModel
from airworthy.flows.answers.fit import FitChoice


def three(interval: Interval, unit: float = MIB, digits: int = 2) -> tuple[float, float, float]:
    """The bounds and what is most likely, in a unit."""
    return (
        round(interval.low / unit, digits),
        round(interval.point / unit, digits),
        round(interval.high / unit, digits),
    )


def choice_row(choice: Choice, model: FitModel) -> FitChoice:
    """A choice, with the commands that follow from it."""
    quick = choice.speed
    return FitChoice(
        program=choice.program,
        engine=choice.engine,
        precision=choice.precision,
        device=choice.device.name,
        devices=choice.split,
        context=choice.use.context,
        users=max(1, choice.use.users),
        fits=choice.fits,  # type: ignore[arg-type]
        memory_mib=three(choice.needed),
        room_mib=round(choice.room / MIB, 2) if choice.room is not None else None,
        headroom_mib=round((choice.room - choice.needed.high) / MIB, 2) if choice.room is not None else None,
        first_token_seconds=three(quick.first_token, 1.0, 6) if quick is not None else None,
        token_seconds=three(quick.token, 1.0, 6) if quick is not None and quick.token.point else None,
        tokens_per_second=three(quick.tokens, 1.0, 2) if quick is not None else None,
        bound=quick.bound if quick is not None else "",
        loss=choice.loss,
        loss_basis=choice.loss_basis,
        lost=choice.lost,
        sources=quick.sources if quick is not None else (),
        commands=commands(choice, model),
    )
