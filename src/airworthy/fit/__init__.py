"""Whether a model fits a machine, and how: worked out before anything is loaded. Pure."""

from __future__ import annotations

import sys

from airworthy.core.verb_functions import VerbPackage

sys.modules[__name__].__class__ = VerbPackage
