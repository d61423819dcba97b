"""The service: gateway → scheduler → worker process → back."""

from __future__ import annotations

import sys

from airworthy.core.verb_functions import VerbPackage

sys.modules[__name__].__class__ = VerbPackage
