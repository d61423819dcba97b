"""What is known about the world: tables whose rows have a source and a date, and pure questions over them."""

from __future__ import annotations

from airworthy.knowledge.tables import Knowledge, Row

__all__ = ["Knowledge", "Row"]
