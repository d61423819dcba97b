"""The catalogue of causes: one file a cause, in families; the file's name is the slug."""

from __future__ import annotations

import sys

from airworthy.core.verb_functions import VerbPackage

sys.modules[__name__].__class__ = VerbPackage
